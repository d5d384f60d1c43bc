//! Sweeps: a grid of tasks, estimators and options becomes a plan, and the plan's jobs run on one machine
//! or on many.
//!
//! A job is a run directory named by the hash of its configuration, so that nobody has to remember what
//! was run: a finished one is not run again, an unfinished one goes on wherever its directory can be
//! reached.

mod plan;

pub use plan::{Planned, id, plan, read};

use crate::study::jobs::{Job, Outcome, run_all};
use anyhow::{Context, Result};
use daa_envs::files::{RECORDED, WRITTEN, read_standard_input, read_text};
use daa_envs::output;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `host-trainer sweep`.
#[derive(clap::Subcommand, Debug)]
pub enum Sweep {
    /// Print the jobs of a sweep, one JSON object a line
    #[command(after_help = EXAMPLE)]
    Plan {
        /// What is varied
        file: PathBuf,
    },
    /// Run the jobs of a plan on this machine; those that are finished are left alone
    Run(RunArgs),
}

const EXAMPLE: &str = "A sweep's file:
  preset = \"tuned\"
  seeds = \"1..10\"          # trained together by each job
  seeds_per_job = 5        # at most so many; without it, all
  [set]                    # of all jobs
  decisions = 102400
  [grid]                   # every combination is a job
  task = [\"cartpole-swingup\", \"cheetah-run\"]
  estimator.kind = [\"single\", \"dynamics\"]";

/// Arguments of `host-trainer sweep run`.
#[derive(clap::Args, Debug)]
pub struct RunArgs {
    /// The plan; -: standard input
    plan: PathBuf,
    /// Where the run directories are
    #[arg(long, value_name = "DIR", default_value = "runs/sweep")]
    out: PathBuf,
    /// Jobs at a time; default: one for each core
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Only the job with this id
    #[arg(long, value_name = "ID")]
    only: Option<String>,
    /// Only the job in this line of the plan, the first being 0: for job arrays
    #[arg(long, value_name = "LINE", conflicts_with = "only")]
    index: Option<usize>,
    /// Show how far each job is, and run nothing
    #[arg(long)]
    status: bool,
}

/// Plans or runs.
///
/// # Errors
/// One line: a file that cannot be read or understood, or a job that failed.
pub fn run(sweep: &Sweep) -> Result<ExitCode> {
    match sweep {
        Sweep::Plan { file } => {
            let text = read_text(file, WRITTEN)
                .with_context(|| format!("cannot read {}", file.display()))?;
            for job in plan(&text).with_context(|| file.display().to_string())? {
                output::line(serde_json::to_string(&job)?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Sweep::Run(args) => run_plan(args),
    }
}

fn text_of(plan: &Path) -> Result<String> {
    if plan == Path::new("-") {
        return read_standard_input(RECORDED).context("cannot read standard input");
    }
    read_text(plan, RECORDED).with_context(|| format!("cannot read {}", plan.display()))
}

fn run_plan(args: &RunArgs) -> Result<ExitCode> {
    let planned = read(&text_of(&args.plan)?).with_context(|| args.plan.display().to_string())?;
    let place = args.plan.display();
    let only = match (&args.only, args.index) {
        (Some(id), _) => Some(
            planned
                .iter()
                .find(|job| job.id == *id)
                .with_context(|| format!("{place} has no job {id}"))?,
        ),
        (None, Some(index)) => Some(
            planned
                .get(index)
                .with_context(|| format!("{place} has {} jobs, no line {index}", planned.len()))?,
        ),
        (None, None) => None,
    };
    if args.status {
        return status(&planned, &args.out);
    }
    if let Some(job) = only {
        // This process becomes the run: whoever started it sees its signals and its exit code.
        let mut command = job.job(&args.out)?.command()?;
        command.args(["--wait-for-lock", "120"]);
        return Err(command.exec()).context("cannot start the run");
    }
    let jobs: Vec<Job> = planned.iter().map(|job| job.job(&args.out)).collect::<Result<_>>()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parallel = args.jobs.map_or(cores, |jobs| jobs as usize);
    match run_all(&jobs, parallel)? {
        Outcome::Finished => Ok(ExitCode::SUCCESS),
        Outcome::Interrupted => {
            eprintln!("interrupted; what was reached is saved: the same command goes on");
            Ok(ExitCode::from(130))
        }
    }
}

fn status(planned: &[Planned], out: &Path) -> Result<ExitCode> {
    let mut finished = 0;
    for job in planned {
        let job = job.job(out)?;
        let (done, all) = (job.done(), job.decisions());
        let over = job.is_finished()?;
        finished += usize::from(over);
        let share = 100 * done / all.max(1);
        let state = if over { "finished".to_owned() } else { format!("{share:>3} %") };
        output::line(format!("{}  {state:>8}  {}", job.directory.display(), job.arm))?;
    }
    output::line(format!("{finished} of {} finished", planned.len()))?;
    Ok(ExitCode::SUCCESS)
}
