//! `cargo xtask train`: everything from the set-up to a policy on the microcontroller.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tools::hil::Hil;
use tools::process;
use tools::programs::HostTrainer;
use tools::progress::say;
use tools::project::Project;
use tools::setup;

/// Episodes on the emulated microcontroller after training.
const EPISODES: u32 = 10;

/// What to train.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    /// Arguments of `host-trainer train`, such as --task or --seed; none: the default policy
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    train: Vec<String>,
}

/// The file `summary.json` of a run directory.
#[derive(Debug, Deserialize)]
struct Summary {
    run_dir: PathBuf,
    image: PathBuf,
    seconds: f64,
    decisions: u64,
    #[serde(rename = "return")]
    mean: Option<f64>,
    return_stderr: Option<f64>,
}

impl Train {
    /// Sets up, trains, exports, and runs episodes on the emulated microcontroller.
    ///
    /// # Errors
    /// When one of these fails. An interrupted training ends this program with the trainer's exit code.
    pub(crate) fn run(self) -> Result<()> {
        let project = &Project::find()?;
        setup::quietly(project)?;
        let host = HostTrainer::build(project)?;
        let start = SystemTime::now();
        let mut train = host.command(project);
        train.arg("train").args(&self.train).stdin(Stdio::null());
        let status = process::status(&mut train)?;
        if !status.success() {
            // The trainer has said why, and how to resume.
            std::process::exit(status.code().unwrap_or(1));
        }
        if self.train.iter().any(|word| word == "--help" || word == "-h") {
            return Ok(());
        }
        let summary = summary(project, &self.train, start)?;
        let image = project.root().join(&summary.image);
        say(format!("running {EPISODES} episodes with the image on the emulated microcontroller"));
        let (_, report) = Hil::new(&image, EPISODES).run(project, &host)?;
        let (differing, actions) = report.differing();
        let mean = summary.mean.map_or_else(|| "-".into(), |mean| format!("{mean:.1}"));
        let error =
            summary.return_stderr.map_or_else(String::new, |error| format!(" +- {error:.1}"));
        let image = project.shorten(&image);
        let text = format!(
            "\n{}\n\n\
             trained   {} decisions in {:.1} s\n\
             host      return {mean}{error} (mean action)\n\
             MCU       return {:.1} over {EPISODES} episodes, {differing} of {actions} actions differ from the host's\n\
             run       {}\n\
             image     {image}\n\n\
             next:\n  \
             cargo run --release -p host-trainer -- inspect {image}\n  \
             cargo run --release -p host-trainer -- evaluate {image} --episodes 100\n  \
             cargo xtask emulate {image} --episodes 100\n  \
             cd firmware && POLICY=../{image} cargo embed --release",
            report.table(),
            summary.decisions,
            summary.seconds,
            report.mean_returns().1,
            summary.run_dir.display(),
        );
        // With --json, standard output contains only the trainer's objects.
        if self.train.iter().any(|word| word == "--json") {
            say(text)
        } else {
            println!("{text}")
        }
        if differing > 0 {
            bail!(
                "{differing} actions of the microcontroller differ from the host's, which must not happen; \
                 please report this"
            );
        }
        Ok(())
    }
}

/// Reads the summary of the run that has just ended.
fn summary(project: &Project, arguments: &[String], start: SystemTime) -> Result<Summary> {
    let path = match run_dir(arguments) {
        Some(dir) => project.root().join(dir).join("summary.json"),
        None => newest_summary(&project.root().join("runs"), start)
            .context("the trainer wrote no summary in runs/")?,
    };
    let text = fs::read_to_string(&path)
        .with_context(|| format!("the trainer wrote no {}", project.shorten(&path)))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", project.shorten(&path)))
}

/// The run directory among the arguments, if the user chose one.
fn run_dir(arguments: &[String]) -> Option<&str> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        for option in ["--run-dir", "--resume"] {
            if word == option {
                return words.next().map(String::as_str);
            }
            if let Some(value) = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value);
            }
        }
    }
    None
}

fn newest_summary(runs: &Path, start: SystemTime) -> Option<PathBuf> {
    let paths = fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path().join("summary.json"));
    let dated = paths.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)));
    dated.filter(|(modified, _)| *modified >= start).max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_run_directory_is_found_among_the_arguments() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(run_dir(&words("--seed 3 --run-dir a/b -q")), Some("a/b"));
        assert_eq!(run_dir(&words("--run-dir=a")), Some("a"));
        assert_eq!(run_dir(&words("--resume runs/x")), Some("runs/x"));
        assert_eq!(run_dir(&words("--seed 3")), None);
        assert_eq!(run_dir(&words("--run-directory x")), None);
    }

    #[test]
    fn the_summary_of_an_earlier_run_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path();
        fs::create_dir_all(runs.join("old")).unwrap();
        fs::write(runs.join("old/summary.json"), "{}").unwrap();
        let before = SystemTime::UNIX_EPOCH;
        assert_eq!(newest_summary(runs, before), Some(runs.join("old/summary.json")));
        let after = SystemTime::now() + std::time::Duration::from_secs(1);
        assert_eq!(newest_summary(runs, after), None);
    }
}
