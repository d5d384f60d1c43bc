//! `host-trainer experiment`.

use super::sweep::interrupted;
use anyhow::{Context, Result};
use daa_envs::output;
use daa_lab::study::{self, Definition, Directories, EXPERIMENTS, Ending, Given, Plan};
use daa_trainer::config::{Arguments, RunArguments, SourceArguments};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Run one of the paper's figures: every arm on every task, and a report
#[derive(clap::Args, Debug)]
pub(crate) struct Experiment {
    /// fig1, fig3, fig4, fig5, fig6, fig7, tuned, ablation or updates; without a name, list them
    name: Option<String>,
    /// Only this task; may be given several times. Default: the tasks of the experiment
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
    /// Values of all arms; the preset is the experiment's unless another one is named
    #[command(flatten)]
    sources: SourceArguments,
    /// Flags of train, for all arms; without --seed and --seeds, the seeds are 1..3
    #[command(flatten)]
    run: RunArguments,
    /// Number of runs at a time; default: one for each core, or one on a GPU
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Folder of the runs and the report; default: runs/NAME
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print what would be run, and run nothing
    #[arg(long)]
    plan: bool,
    /// Write the report of the runs that exist, and run nothing
    #[arg(long, conflicts_with = "plan")]
    report_only: bool,
}

impl Experiment {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let Some(name) = &self.name else {
            for (name, text) in EXPERIMENTS {
                output::line(format!("{name}  {}", Definition::parse(text)?.title))?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        let definition = study::experiment(name)?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(name));
        let arguments = Arguments { sources: self.sources, task: None, run: self.run };
        let given = Given { arguments, tasks: self.tasks };
        let plan = Plan::new(&definition, Path::new(""), &given, &out, Directories::ByName)?;
        plan.rounding().iter().for_each(|note| eprintln!("{note}"));
        if self.plan {
            plan.jobs.iter().try_for_each(|job| output::line(job.to_string()))?;
            return Ok(ExitCode::SUCCESS);
        }
        if !self.report_only {
            std::fs::create_dir_all(&out)
                .with_context(|| format!("cannot make {}", out.display()))?;
            if plan.run(self.jobs.map(|jobs| jobs as usize))? == Ending::Interrupted {
                return Ok(interrupted());
            }
        }
        study::write_report(&definition, &plan.jobs, &out)?;
        Ok(ExitCode::SUCCESS)
    }
}
