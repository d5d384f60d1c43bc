//! Runs of an experiment or a sweep, a process each, a few at a time.

use anyhow::{Context, Result, bail};
use daa_trainer::config::{Arguments, Config};
use daa_trainer::run::directory::RunDirectory;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two looks at the runs.
const POLL: Duration = Duration::from_millis(300);

/// One arm on one task.
#[derive(Debug)]
pub(crate) struct Job {
    pub arm: String,
    pub arguments: Arguments,
    pub config: Config,
    pub directory: PathBuf,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Finished,
    Interrupted,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { task, seeds, decisions, .. } = &self.config;
        let place = self.directory.display();
        write!(f, "{task}, {}: {} seeds of {decisions} decisions in {place}", self.arm, seeds.len())
    }
}

impl Job {
    /// Whether it has come to its end.
    pub(crate) fn is_finished(&self) -> Result<bool> {
        if !self.directory.join("config.toml").exists() {
            return Ok(false);
        }
        let (directory, found) = RunDirectory::open(&self.directory)?;
        if let Some((key, ..)) = found.differences(&self.config).first() {
            bail!(
                "{} holds a run with another {key}: choose another --out, or delete it",
                self.directory.display()
            );
        }
        Ok(directory.is_finished())
    }

    /// The command that trains it, or goes on with it.
    pub(crate) fn command(&self) -> Result<Command> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.arg("train").arg("--quiet").stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(preset) = &self.arguments.sources.preset {
            command.args(["--preset", preset]);
        }
        if let Some(file) = &self.arguments.sources.config {
            command.arg("--config").arg(file);
        }
        for assignment in self.arguments.assignments() {
            command.args(["--set", &assignment]);
        }
        // One that was begun goes on.
        command.arg("--run-dir").arg(&self.directory);
        Ok(command)
    }

    fn start(&self) -> Result<Option<Child>> {
        if self.is_finished()? {
            return Ok(None);
        }
        let mut command = self.command()?;
        // SAFETY: between fork and exec it makes one system call. A run whose parent is gone saves what it
        // has reached and ends, as after Ctrl-C.
        unsafe {
            command.pre_exec(|| {
                let signal = Some(rustix::process::Signal::TERM);
                rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
            });
        }
        Ok(Some(command.spawn().context("cannot start a run")?))
    }

    /// Decisions of all seeds, when it is finished.
    pub(crate) fn decisions(&self) -> u64 {
        self.config.decisions * self.config.num_seeds() as u64
    }

    /// Decisions of all seeds so far, as its metrics say.
    pub(crate) fn done(&self) -> u64 {
        let text = std::fs::read_to_string(self.directory.join("metrics.csv")).unwrap_or_default();
        let last = text.lines().next_back().and_then(|line| line.split(',').nth(2));
        let decisions: u64 = last.and_then(|cell| cell.parse().ok()).unwrap_or(0);
        decisions.min(self.config.decisions) * self.config.num_seeds() as u64
    }
}

/// Runs all jobs, `parallel` at a time. A failed one does not stop the others.
pub(crate) fn run_all(jobs: &[Job], parallel: usize) -> Result<Outcome> {
    // Whatever is in the way is found before the first run starts.
    for job in jobs {
        let _ = job.is_finished()?;
    }
    let progress = Progress::new(jobs);
    let mut waiting = jobs.iter();
    let mut running: Vec<(&Job, Child)> = Vec::new();
    let (mut failed, mut interrupted) = (Vec::new(), false);
    loop {
        while running.len() < parallel && !interrupted {
            let Some(job) = waiting.next() else { break };
            if let Some(child) = job.start()? {
                progress.say(&format!("{job}"));
                running.push((job, child));
            }
        }
        if running.is_empty() {
            break;
        }
        std::thread::sleep(POLL);
        progress.update(jobs);
        let mut still = Vec::new();
        for (job, mut child) in running {
            match child.try_wait().context("waiting for a run")? {
                None => still.push((job, child)),
                Some(status) if status.success() => {}
                Some(status) if status.code() == Some(130) => interrupted = true,
                Some(status) => failed.push((job, status)),
            }
        }
        running = still;
    }
    progress.bar.finish_and_clear();
    if interrupted {
        return Ok(Outcome::Interrupted);
    }
    if let Some((job, status)) = failed.first() {
        let place = job.directory.display();
        bail!("{} of {} runs failed, the first in {place} ({status})", failed.len(), jobs.len());
    }
    Ok(Outcome::Finished)
}

struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(jobs: &[Job]) -> Self {
        let all = jobs.iter().map(Job::decisions).sum();
        let bar = if std::io::stderr().is_terminal() {
            let style = "{bar:28} {percent:>3} %  {human_pos} of {human_len} decisions  {eta} left";
            let style = ProgressStyle::with_template(style);
            ProgressBar::new(all).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        } else {
            ProgressBar::hidden()
        };
        Self { bar }
    }

    fn update(&self, jobs: &[Job]) {
        self.bar.set_position(jobs.iter().map(Job::done).sum());
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}
