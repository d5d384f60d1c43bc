//! libFuzzer on everything that reads files or messages of others.
//!
//! The targets are functions of the package `fuzz`. The workspace's packages are compiled with libFuzzer's coverage
//! by the stable compiler (`.cargo/rustc-fuzz`), all other packages as usual.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::files::{self, explain};
use crate::process;
use crate::progress::Step;
use crate::project::Project;

/// The targets, and the longest input that makes sense for each, in bytes.
pub const TARGETS: [(&str, u32); 3] = [("image", 4096), ("link", 512), ("config", 4096)];

const HEADER: &str = "| target | executions | edges covered | features | inputs kept | found |\n\
                      |---|---|---|---|---|---|";

/// What to fuzz, and how long.
#[derive(Debug, Clone)]
pub struct Fuzzing {
    /// Names of the targets; empty for all.
    pub targets: Vec<String>,
    /// Time for each target, in seconds; the targets run at the same time.
    pub seconds: u32,
    /// Whether inputs that cover new code are added to the committed corpus.
    pub keep: bool,
    /// Whether every target gets a planted mistake, which must be found.
    pub planted: bool,
}

impl Fuzzing {
    /// The search that is part of the tests: all targets, 30 s, or until the planted mistakes are found.
    pub fn usual(planted: bool) -> Self {
        let seconds = if planted { 120 } else { 30 };
        Self { targets: Vec::new(), seconds, keep: false, planted }
    }

    /// Builds, fuzzes, and prints a table.
    ///
    /// # Errors
    /// When a target panics or runs out of time or memory, with the path of the input; with `planted`, when a
    /// target does not.
    pub fn run(&self, project: &Project) -> Result<()> {
        let programs = build(project, self.planted)?;
        let work = project.target_dir().join(if self.planted { "fuzz-planted" } else { "fuzz" });
        if self.planted {
            // The search begins with the committed corpus alone.
            files::remove(&work)?;
        }
        let chosen = TARGETS.into_iter().filter(|(name, _)| {
            self.targets.is_empty() || self.targets.iter().any(|target| target == name)
        });
        let step = Step::new(format!("fuzzing for at most {} s", self.seconds));
        let mut campaigns = Vec::new();
        for (name, longest) in chosen {
            campaigns.push(Campaign::start(
                project,
                &programs,
                &work,
                name,
                longest,
                self.seconds,
            )?);
        }
        let rows: Vec<_> = campaigns.into_iter().map(Campaign::finish).collect::<Result<_>>()?;
        step.done();
        println!("{HEADER}");
        for row in &rows {
            let Row { name, executions, edges, features, inputs, finding } = row;
            let found = finding.as_ref().map_or("nothing", |finding| finding.message.as_str());
            println!("| {name} | {executions} | {edges} | {features} | {inputs} | {found} |");
        }
        if self.planted {
            let found = |row: &&Row| {
                row.finding.as_ref().is_some_and(|finding| finding.message.contains("planted"))
            };
            return match rows.iter().find(|row| !found(row)) {
                Some(row) => bail!("the mistake planted in {} was not found", row.name),
                None => Ok(()),
            };
        }
        let findings = || rows.iter().find_map(|row| Some((row, row.finding.as_ref()?)));
        if let Some((row, finding)) = findings() {
            bail!("{}: {}; the input is {}", row.name, finding.message, finding.input);
        }
        if self.keep {
            rows.iter().try_for_each(|row| keep(project, &programs, &work, row.name))?;
        }
        Ok(())
    }
}

/// Builds the targets and returns the folder of the programs.
fn build(project: &Project, planted: bool) -> Result<PathBuf> {
    let what = if planted { "with planted mistakes" } else { "without planted mistakes" };
    let step = Step::new(format!("building the fuzz targets {what}"));
    // The target of configurations needs the trainer, which the package leaves out by default.
    let features = if planted { "libfuzzer,trainer,planted" } else { "libfuzzer,trainer" };
    let mut cargo = process::cargo(project.root());
    cargo.args(["build", "--release", "--package", "fuzz", "--features", features]);
    // The other program of the package writes the corpus, and has no libFuzzer to link with.
    cargo.args(TARGETS.iter().flat_map(|(name, _)| ["--bin".to_owned(), format!("fuzz-{name}")]));
    cargo.env("RUSTC_WORKSPACE_WRAPPER", project.root().join(".cargo/rustc-fuzz"));
    process::build(&mut cargo, "the fuzz targets")?;
    step.done();
    Ok(project.target_dir().join("release"))
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
        programs: &Path,
        work: &Path,
        name: &'static str,
        longest: u32,
        seconds: u32,
    ) -> Result<Self> {
        let (found, artifacts) = (work.join("corpus").join(name), work.join("artifacts"));
        for folder in [&found, &artifacts] {
            files::create_dir(folder)?;
        }
        let log = work.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|error| explain(error, &log))?;
        let corpus = project.fuzz().join("corpus");
        let mut fuzzer = Command::new(programs.join(format!("fuzz-{name}")));
        fuzzer.current_dir(work).arg(&found).arg(corpus.join(name));
        fuzzer.arg(format!("-max_total_time={}", seconds));
        fuzzer.arg(format!("-max_len={longest}"));
        fuzzer.arg(format!("-artifact_prefix={}/{name}-", artifacts.display()));
        fuzzer.args(["-print_final_stats=1", "-timeout=20", "-rss_limit_mb=2048"]);
        if name == "config" {
            fuzzer.arg(format!("-dict={}", corpus.join("config.dict").display()));
        }
        fuzzer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        Ok(Self { name, child: process::spawn(&mut fuzzer)?, log })
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

/// What a fuzzer reported.
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
        // There is no status line before a panic at one of the first inputs.
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

/// The message of the panic, or else libFuzzer's error.
fn message(log: &str) -> Option<String> {
    let mut lines = log.lines().skip_while(|line| !line.contains("panicked at"));
    if let Some(place) = lines.next() {
        let place = place.split_once("panicked at ").map_or(place, |(_, place)| place);
        return Some(format!("{} {}", place, lines.next().unwrap_or_default()));
    }
    let line = log.lines().find(|line| line.contains("ERROR: libFuzzer"))?;
    Some(line.to_owned())
}

/// Adds to the committed corpus every new input that covers code which the corpus does not.
fn keep(project: &Project, programs: &Path, work: &Path, name: &str) -> Result<()> {
    let mut merge = Command::new(programs.join(format!("fuzz-{name}")));
    let folder = project.fuzz().join("corpus").join(name);
    merge.current_dir(work).arg("-merge=1").arg(&folder).arg(work.join("corpus").join(name));
    process::succeed(&mut merge, &format!("the corpus of {name} was not merged"))?;
    files::remove(&work.join("corpus").join(name))
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
