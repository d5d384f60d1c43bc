//! `cargo xtask fuzz`: libFuzzer on everything that reads what others wrote.
//!
//! The targets are functions of the package `fuzz`; our packages are compiled with libFuzzer's coverage
//! by the stable compiler (`.cargo/rustc-fuzz`), the others as always.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::report::{Step, say};
use crate::run;
use crate::setup;
use crate::setup::place::{self, explain};

/// The targets, and the longest input that makes sense for each.
const TARGETS: [(&str, u32); 3] = [("image", 4096), ("link", 512), ("config", 4096)];

/// What to fuzz, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The targets [default: all, side by side]
    #[arg(value_parser = ["image", "link", "config"])]
    targets: Vec<String>,
    /// How long
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Put what covers new code into fuzz/corpus/
    #[arg(long)]
    keep: bool,
    /// Plant a mistake in every target: the command fails when it is not found
    #[arg(long, conflicts_with = "keep")]
    planted: bool,
}

impl Arguments {
    /// All targets for the usual time, with or without mistakes in them.
    pub(crate) fn usual(planted: bool) -> Self {
        // A mistake that is found ends the search at once.
        Self { targets: Vec::new(), seconds: if planted { 120 } else { 30 }, keep: false, planted }
    }
}

/// Builds, fuzzes, and prints a table.
///
/// # Errors
/// When a target panics, or runs out of time or memory, with the input that makes it; with `planted`,
/// when one does not.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    setup::quietly(project)?;
    build(project, arguments.planted)?;
    let work = project.target_dir().join(if arguments.planted { "fuzz-planted" } else { "fuzz" });
    if arguments.planted {
        // The search begins with the kept corpus alone.
        place::remove(&work)?;
    }
    let chosen = TARGETS.into_iter().filter(|(name, _)| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|target| target == name)
    });
    let step = Step::spinner(format!("fuzzing for {} s each", arguments.seconds));
    let mut campaigns = Vec::new();
    for (name, longest) in chosen {
        campaigns.push(Campaign::start(project, &work, name, longest, arguments)?);
    }
    let mut rows = Vec::new();
    for campaign in campaigns {
        rows.push(campaign.finish()?);
    }
    step.done();
    println!(
        "| target | executions | edges covered | features | inputs kept | found |\n|---|---|---|---|---|---|"
    );
    for row in &rows {
        let Row { name, executions, edges, features, inputs, finding } = row;
        let found = finding.as_ref().map_or("nothing", |finding| finding.message.as_str());
        println!("| {name} | {executions} | {edges} | {features} | {inputs} | {found} |");
    }
    if arguments.planted {
        if let Some(row) = rows.iter().find(|row| {
            row.finding.as_ref().is_none_or(|finding| !finding.message.contains("planted"))
        }) {
            bail!("the mistake planted in {} was not found", row.name);
        }
        return Ok(());
    }
    if let Some((row, finding)) = rows.iter().find_map(|row| Some((row, row.finding.as_ref()?))) {
        bail!("{}: {}; the input is {}", row.name, finding.message, finding.input);
    }
    if arguments.keep {
        for row in &rows {
            keep(project, &work, row.name)?;
        }
    }
    Ok(())
}

fn program(project: &Project, name: &str) -> PathBuf {
    project.target_dir().join("release").join(format!("fuzz-{name}"))
}

fn build(project: &Project, planted: bool) -> Result<()> {
    let step = Step::spinner("building the fuzzing targets".to_owned());
    let features = if planted { "libfuzzer,planted" } else { "libfuzzer" };
    let mut cargo = run::cargo(project.root());
    cargo.args(["build", "--release", "--package", "fuzz", "--features", features]);
    // The program that writes the seeds has no libFuzzer to link with.
    cargo.args(TARGETS.iter().flat_map(|(name, _)| ["--bin".to_owned(), format!("fuzz-{name}")]));
    cargo.env("RUSTC_WORKSPACE_WRAPPER", project.root().join(".cargo/rustc-fuzz"));
    let output = run::output(cargo.stdin(Stdio::null()))?;
    if !output.status.success() {
        say(String::from_utf8_lossy(&output.stderr));
        bail!("the fuzzing targets do not build; the messages above say why");
    }
    step.done();
    Ok(())
}

/// A running fuzzer.
struct Campaign {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Campaign {
    fn start(
        project: &Project,
        work: &Path,
        name: &'static str,
        longest: u32,
        arguments: &Arguments,
    ) -> Result<Self> {
        let (found, artifacts) = (work.join("corpus").join(name), work.join("artifacts"));
        for folder in [&found, &artifacts] {
            fs::create_dir_all(folder).map_err(|error| explain(error, folder))?;
        }
        let log = work.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|error| explain(error, &log))?;
        let corpus = project.root().join("fuzz/corpus");
        let mut fuzzer = Command::new(program(project, name));
        fuzzer.current_dir(work).arg(&found).arg(corpus.join(name));
        fuzzer.arg(format!("-max_total_time={}", arguments.seconds));
        fuzzer.arg(format!("-max_len={longest}"));
        fuzzer.arg(format!("-artifact_prefix={}/{name}-", artifacts.display()));
        fuzzer.args(["-print_final_stats=1", "-timeout=20", "-rss_limit_mb=2048"]);
        if name == "config" {
            fuzzer.arg(format!("-dict={}", corpus.join("config.dict").display()));
        }
        fuzzer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        run::die_with_parent(&mut fuzzer);
        let child = fuzzer.spawn().map_err(|error| run::not_started(&fuzzer, &error))?;
        Ok(Self { name, child, log })
    }

    fn finish(mut self) -> Result<Row> {
        let status = self.child.wait().context("waiting for a fuzzer")?;
        let text = fs::read(&self.log).map_err(|error| explain(error, &self.log))?;
        let row = Row::parse(self.name, &String::from_utf8_lossy(&text));
        match row {
            Some(row) if status.success() == row.finding.is_none() => Ok(row),
            _ => bail!("the fuzzer of {} ended with {status}: {}", self.name, self.log.display()),
        }
    }
}

/// What a fuzzer said.
#[derive(Debug, PartialEq)]
struct Row {
    name: &'static str,
    executions: u64,
    edges: u64,
    features: u64,
    inputs: u64,
    finding: Option<Finding>,
}

#[derive(Debug, PartialEq)]
struct Finding {
    message: String,
    input: String,
}

impl Row {
    fn parse(name: &'static str, log: &str) -> Option<Self> {
        // `#1234 NEW cov: 10 ft: 20 corp: 5/90b …`
        let after = |line: &str, word: &str| -> Option<u64> {
            let rest = line.split_once(word)?.1.trim_start();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        let status = log.lines().rev().find(|line| line.contains(" cov: "));
        let total = log.lines().find_map(|line| after(line, "stat::number_of_executed_units:"));
        let counted = log
            .lines()
            .rev()
            .find_map(|line| after(line.strip_prefix('#').map_or("", |_| line), "#"));
        let input = log.lines().find_map(|line| Some(line.split_once("Test unit written to ")?.1));
        let finding = input.map(|input| Finding {
            message: message(log).unwrap_or_else(|| "a crash".to_owned()),
            input: input.to_owned(),
        });
        if finding.is_none() && status.is_none() {
            return None;
        }
        // A panic at one of the first inputs comes before any status.
        let number = |word| status.and_then(|line| after(line, word)).unwrap_or(0);
        Some(Self {
            name,
            executions: total.or(counted).unwrap_or(0),
            edges: number(" cov: "),
            features: number(" ft: "),
            inputs: number(" corp: "),
            finding,
        })
    }
}

/// The line in which the panic, or libFuzzer, says what happened.
fn message(log: &str) -> Option<String> {
    let mut lines = log.lines().skip_while(|line| !line.contains("panicked at"));
    if let Some(place) = lines.next() {
        let place = place.split_once("panicked at ").map_or(place, |(_, place)| place);
        return Some(format!("{} {}", place, lines.next().unwrap_or_default()));
    }
    let line = log.lines().find(|line| line.contains("ERROR: libFuzzer"))?;
    Some(line.to_owned())
}

/// Adds to the kept corpus what covers something that it does not.
fn keep(project: &Project, work: &Path, name: &str) -> Result<()> {
    let mut merge = Command::new(program(project, name));
    let folder = project.root().join("fuzz/corpus").join(name);
    merge.current_dir(work).arg("-merge=1").arg(&folder).arg(work.join("corpus").join(name));
    let output = run::output(merge.stdin(Stdio::null()))?;
    if !output.status.success() {
        bail!("the corpus of {name} was not merged: {}", run::last_line(&output.stderr));
    }
    place::remove(&work.join("corpus").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb
#4096\tpulse  cov: 310 ft: 420 corp: 37/2Kb exec/s: 2048 rss: 40Mb
stat::number_of_executed_units: 5000
";

    #[test]
    fn a_log_without_a_finding_is_read() {
        let row = Row::parse("link", LOG).unwrap();
        let expected = Row {
            name: "link",
            executions: 5000,
            edges: 310,
            features: 420,
            inputs: 37,
            finding: None,
        };
        assert_eq!(row, expected);
        assert_eq!(Row::parse("link", "it did not start"), None);
    }

    #[test]
    fn a_finding_names_the_panic_and_the_input() {
        let crash = "\
thread '<unnamed>' (7) panicked at fuzz/src/link.rs:80:9:
planted
==7== ERROR: libFuzzer: deadly signal
artifact_prefix='a/'; Test unit written to a/link-crash-1
";
        let row = Row::parse("link", &format!("{LOG}{crash}")).unwrap();
        let finding = row.finding.unwrap();
        assert_eq!(finding.message, "fuzz/src/link.rs:80:9: planted");
        assert_eq!(finding.input, "a/link-crash-1");
    }
}
