//! Experiments: the paper's figures and three of our own, each a few arms on a few tasks, run with one command.
//!
//! Every arm on every task is a run directory below the experiment's: a process of its own trains all
//! its seeds. A run that is there is not run again, an unfinished one goes on.

mod definition;
mod outcome;

pub use definition::{Arm, EXPERIMENTS, Experiment, UnknownExperiment};

use crate::study::jobs::{Job, Outcome, run_all};
use anyhow::{Context, Result, bail};
use daa_envs::output;
use daa_trainer::config::{Arguments, ConfigError, RunArguments, Seeds, SourceArguments};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `host-trainer experiment`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// fig1, fig3, fig4, fig5, fig6, fig7, tuned, ablation or updates; without a name, they are listed
    name: Option<String>,
    /// Only this task; may be given several times. Default: the experiment's
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
    /// Values of all arms; the preset is the experiment's unless another one is named
    #[command(flatten)]
    sources: SourceArguments,
    /// Flags of train, for all arms; without --seed and --seeds, the seeds are 1..3
    #[command(flatten)]
    run: RunArguments,
    /// Runs at a time; default: one for each core, or one on a GPU
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Where runs and report go; default: runs/NAME
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show what would be run
    #[arg(long)]
    plan: bool,
    /// Write the report of what there is, run nothing
    #[arg(long, conflicts_with = "plan")]
    report_only: bool,
}

/// Runs an experiment, or lists them.
///
/// # Errors
/// One line: an unknown name or key, a run of another configuration in the way, a failed run.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some(name) = &args.name else {
        for (name, text) in EXPERIMENTS {
            let experiment = Experiment::parse(name, text)?;
            output::line(format!("{name}  {}", experiment.title))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let experiment = Experiment::find(name)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(name));
    let jobs = jobs(args, &experiment, &out)?;
    let mut notes: Vec<String> = jobs.iter().filter_map(|job| job.config.rounding()).collect();
    notes.dedup();
    notes.iter().for_each(|note| eprintln!("{note}"));
    if args.plan {
        for job in &jobs {
            output::line(job.to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !args.report_only {
        let on_gpu = jobs.iter().any(|job| job.config.device != "cpu");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let default = if on_gpu { 1 } else { cores };
        let parallel = args.jobs.map_or(default, |jobs| jobs as usize);
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        match run_all(&jobs, parallel)? {
            Outcome::Finished => {}
            Outcome::Interrupted => {
                eprintln!("interrupted; what was reached is saved: the same command goes on");
                return Ok(ExitCode::from(130));
            }
        }
    }
    outcome::write(&experiment, &jobs, &out)?;
    Ok(ExitCode::SUCCESS)
}

/// The runs of an experiment: its arms on each task.
fn jobs(args: &Args, experiment: &Experiment, out: &std::path::Path) -> Result<Vec<Job>> {
    let tasks = if args.tasks.is_empty() { &experiment.tasks } else { &args.tasks };
    let mut jobs = Vec::new();
    for task in tasks {
        for arm in &experiment.arms {
            let arguments = arguments(args, experiment, arm, task);
            let arguments = arguments.without_idle().map_err(|error| in_arm(error, &arm.name))?;
            let config = arguments.resolve().map_err(|error| in_arm(error, &arm.name))?;
            let directory = out.join(&config.task).join(arm.folder());
            let job = Job { arm: arm.name.clone(), arguments, config, directory };
            if jobs.iter().any(|other: &Job| other.directory == job.directory) {
                bail!("{task} is named twice");
            }
            let effective = job.config.effective();
            if let Some(other) = jobs.iter().find(|other| other.config.effective() == effective) {
                bail!(
                    "the arms {:?} and {:?} are the same run on {task}: leave out the --set or flag that \
                     makes them equal",
                    other.arm,
                    job.arm
                );
            }
            jobs.push(job);
        }
    }
    Ok(jobs)
}

/// What an arm is trained with. Its own values count more than the experiment's, those of the command line
/// more than both.
fn arguments(args: &Args, experiment: &Experiment, arm: &Arm, task: &str) -> Arguments {
    let mut sources = args.sources.clone();
    sources.preset.get_or_insert_with(|| experiment.preset.clone());
    sources.set = [experiment.assignments(arm), sources.set].concat();
    let mut run = args.run.clone();
    if run.seed.is_none() && run.seeds.is_none() {
        run.seeds = Some(Seeds(vec![1, 2, 3]));
    }
    // Runs share the cores.
    run.threads.get_or_insert(1);
    Arguments { sources, task: Some(task.to_owned()), run }
}

fn in_arm(error: ConfigError, arm: &str) -> anyhow::Error {
    anyhow::anyhow!("{arm}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_trainer::config::{Sources, resolve};

    #[test]
    fn every_arm_of_every_experiment_is_a_configuration() {
        for (name, text) in EXPERIMENTS {
            let experiment = Experiment::parse(name, text).unwrap();
            assert!(experiment.arms.len() >= 2 && !experiment.tasks.is_empty());
            let mut resolved = Vec::new();
            for arm in &experiment.arms {
                let config = resolve(&Sources {
                    preset: Some(experiment.preset.clone()),
                    file: None,
                    set: experiment.assignments(arm),
                });
                resolved.push(config.unwrap());
            }
            for (i, config) in resolved.iter().enumerate() {
                assert!(!resolved[..i].contains(config), "{name}: two arms are the same");
            }
        }
    }

    fn planned(words: &[&str]) -> Result<Vec<Job>, String> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = <Line as clap::Parser>::parse_from([&["experiment"], words].concat());
        let experiment = Experiment::find(words[0]).unwrap();
        jobs(&line.args, &experiment, std::path::Path::new("x")).map_err(|error| error.to_string())
    }

    #[test]
    fn arms_that_are_the_same_run_are_refused() {
        let task = ["--task", "cartpole-swingup"];
        let plan = |words: &[&str]| planned(&[words, &task].concat());
        assert_eq!(plan(&["fig5"]).unwrap().len(), 5);
        let error = plan(&["fig5", "--decisions", "8192"]).unwrap_err();
        assert!(error.contains("N = 4: model.start = 40000 is impossible"), "{error}");
        let error = plan(&["fig5", "--set", "estimator.num_actions=3"]).unwrap_err();
        assert!(error.contains("\"N = 4\" and \"N = 8\" are the same run"), "{error}");
        // The number of actions is nothing to the arm that has none.
        let jobs = plan(&["fig3", "--set", "estimator.num_actions=3"]).unwrap();
        let set = |job: &Job| job.arguments.assignments().concat().contains("num_actions=3");
        assert_eq!(jobs.iter().map(set).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_wrong_name_offers_the_right_one() {
        let error = Experiment::find("fig 5").unwrap_err().to_string();
        assert!(error.contains("fig5"), "{error}");
    }
}
