//! Runs the jobs of a plan, each in its own process and some at a time.

use super::job::Job;
use super::plan::Plan;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::Duration;

/// Time between two looks at the processes.
const POLL: Duration = Duration::from_millis(300);

/// Exit code of a process that was interrupted and saved what it had reached.
const INTERRUPTED: i32 = 130;

/// How the jobs of a plan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All jobs are finished.
    Finished,
    /// The user interrupted them. Running the plan again resumes them.
    Interrupted,
}

impl Plan {
    /// Runs all jobs that are not finished, `parallel` at a time. Without a number, one job runs on each core,
    /// or a single one where a job uses a GPU. A job that fails does not stop the others.
    ///
    /// # Errors
    /// Before the first start: a directory that holds another run. After the last end: the first job that
    /// failed.
    pub fn run(&self, parallel: Option<usize>) -> Result<Ending> {
        let parallel = parallel.unwrap_or_else(|| self.default_parallel());
        for job in &self.jobs {
            let _ = job.is_finished()?;
        }
        let progress = Progress::new(&self.jobs);
        let mut waiting = self.jobs.iter();
        let mut running: Vec<(&Job, Child)> = Vec::new();
        let (mut failed, mut interrupted) = (Vec::new(), false);
        loop {
            while running.len() < parallel && !interrupted {
                let Some(job) = waiting.next() else { break };
                if let Some(child) = start(job)? {
                    progress.say(&format!("{job}"));
                    running.push((job, child));
                }
            }
            if running.is_empty() {
                break;
            }
            std::thread::sleep(POLL);
            progress.update(&self.jobs);
            let mut still = Vec::new();
            for (job, mut child) in running {
                match child.try_wait().context("cannot wait for a run")? {
                    None => still.push((job, child)),
                    Some(status) if status.success() => {}
                    Some(status) if status.code() == Some(INTERRUPTED) => interrupted = true,
                    Some(status) => failed.push((job, status)),
                }
            }
            running = still;
        }
        progress.bar.finish_and_clear();
        if interrupted {
            return Ok(Ending::Interrupted);
        }
        if let Some((job, status)) = failed.first() {
            let (count, all) = (failed.len(), self.jobs.len());
            let place = job.directory.display();
            bail!("{count} of {all} runs failed, the first in {place} ({status})");
        }
        Ok(Ending::Finished)
    }

    fn default_parallel(&self) -> usize {
        let on_gpu = self.jobs.iter().any(|job| job.config.device != "cpu");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if on_gpu { 1 } else { cores }
    }
}

/// Starts or resumes a job; none where it is finished.
fn start(job: &Job) -> Result<Option<Child>> {
    if job.is_finished()? {
        return Ok(None);
    }
    let mut command = job.command()?;
    // SAFETY: between fork and exec the closure makes one system call. A run whose parent has ended saves
    // what it has reached and ends, as after Ctrl-C.
    unsafe {
        command.pre_exec(|| {
            let signal = Some(rustix::process::Signal::TERM);
            rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
        });
    }
    Ok(Some(command.spawn().context("cannot start a run")?))
}

/// A bar of the decisions of all jobs, on a terminal.
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

    /// Moves the bar. A hidden bar needs no metrics to be read.
    fn update(&self, jobs: &[Job]) {
        if !self.bar.is_hidden() {
            self.bar.set_position(jobs.iter().map(Job::decisions_done).sum());
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}
