//! `host-trainer sweep`.

use anyhow::{Context, Result};
use daa_envs::files::{RECORDED, WRITTEN, read_standard_input, read_text};
use daa_envs::output;
use daa_lab::study::{self, Definition, Directories, Ending, Given, Line, Plan};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Plan and run many jobs: a grid of tasks, estimators and options
#[derive(clap::Args, Debug)]
pub(crate) struct Sweep {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Print the jobs of a sweep, one JSON object a line
    #[command(after_help = EXAMPLE)]
    Plan {
        /// TOML file that defines the sweep; a task file in it is looked for beside it
        file: PathBuf,
    },
    /// Run the jobs of a plan on this machine; finished jobs are not run again
    Run(Run),
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
struct Run {
    /// The plan; -: standard input
    plan: PathBuf,
    /// Folder of the run directories
    #[arg(long, value_name = "DIR", default_value = "runs/sweep")]
    out: PathBuf,
    /// Number of jobs at a time; default: one for each core, or one on a GPU
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Only the job with this id
    #[arg(long, value_name = "ID")]
    only: Option<String>,
    /// Only the job in this line of the plan, the first being 0: for job arrays
    #[arg(long, value_name = "LINE", conflicts_with = "only")]
    index: Option<usize>,
    /// Print how far each job is, and run nothing
    #[arg(long)]
    status: bool,
}

impl Sweep {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Plan { file } => plan(&file),
            What::Run(args) => args.run(),
        }
    }
}

/// Tells the user that a plan was interrupted.
pub(super) fn interrupted() -> ExitCode {
    eprintln!("interrupted; what was reached is saved, and the same command resumes it");
    ExitCode::from(130)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn plan(file: &Path) -> Result<ExitCode> {
    let text =
        read_text(file, WRITTEN).with_context(|| format!("cannot read {}", file.display()))?;
    let plan = Definition::parse(&text).and_then(|definition| {
        let (folder, out) = (folder_of(file), Path::new(""));
        Plan::new(&definition, folder, &Given::default(), out, Directories::ById)
    });
    let plan = plan.with_context(|| file.display().to_string())?;
    plan.rounding().iter().for_each(|note| eprintln!("{note}"));
    for line in plan.lines() {
        output::line(serde_json::to_string(&line)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Run {
    fn run(&self) -> Result<ExitCode> {
        let place = self.plan.display();
        let text = if self.plan == Path::new("-") {
            read_standard_input(RECORDED)
        } else {
            read_text(&self.plan, RECORDED)
        };
        let text = text.with_context(|| format!("cannot read {place}"))?;
        let lines = study::read(&text).with_context(|| place.to_string())?;
        let folder = folder_of(&self.plan);
        if !self.status
            && let Some(line) = self.only(&lines)?
        {
            // This process becomes the run, so that signals reach it and its exit code is the run's.
            let mut command = line.job(folder, &self.out)?.command()?;
            command.args(["--wait-for-lock", "120"]);
            return Err(command.exec()).context("cannot start the run");
        }
        let plan = Plan::of_lines(&lines, folder, &self.out)?;
        if self.status {
            return status(&plan);
        }
        Ok(match plan.run(self.jobs.map(|jobs| jobs as usize))? {
            Ending::Finished => ExitCode::SUCCESS,
            Ending::Interrupted => interrupted(),
        })
    }

    /// The line that `--only` or `--index` name.
    fn only<'a>(&self, lines: &'a [Line]) -> Result<Option<&'a Line>> {
        let place = self.plan.display();
        let line = match (&self.only, self.index) {
            (Some(id), _) => lines
                .iter()
                .find(|line| line.id == *id)
                .with_context(|| format!("{place} has no job {id}"))?,
            (None, Some(index)) => lines
                .get(index)
                .with_context(|| format!("{place} has {} jobs, no line {index}", lines.len()))?,
            (None, None) => return Ok(None),
        };
        Ok(Some(line))
    }
}

fn status(plan: &Plan) -> Result<ExitCode> {
    let mut finished = 0;
    for job in &plan.jobs {
        let over = job.is_finished()?;
        finished += usize::from(over);
        let share = 100 * job.decisions_done() / job.decisions().max(1);
        let state = if over { "finished".to_owned() } else { format!("{share:>3} %") };
        output::line(format!("{}  {state:>8}  {}", job.directory.display(), job.name))?;
    }
    output::line(format!("{finished} of {} finished", plan.jobs.len()))?;
    Ok(ExitCode::SUCCESS)
}
