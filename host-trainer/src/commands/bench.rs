//! `host-trainer bench`.

use anyhow::{Result, bail};
use clap::Subcommand;
use daa_envs as task;
use daa_envs::output;
use daa_lab::bench;
use std::process::ExitCode;

/// Measure the speed of the simulator and of training
#[derive(clap::Args, Debug)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: Benchmark,
}

#[derive(Subcommand, Debug)]
enum Benchmark {
    /// Decisions per CPU second of each task, MuJoCo's share of the time, and the speed of two threads relative to
    /// one; also of Python dm_control where `cargo xtask record` or DM_CONTROL_PYTHON provides it
    Env {
        /// Only this task
        #[arg(long)]
        task: Option<String>,
        /// Seconds for each task
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// CPU seconds of each phase of training on one thread, and the time of its matrix products alone
    Train(Box<daa_lab::bench::train::Args>),
}

impl Bench {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            Benchmark::Env { task, seconds, json } => bench_env(task.as_deref(), seconds, json)?,
            Benchmark::Train(args) => bench::train::run(&args)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn bench_env(task: Option<&str>, seconds: f64, json: bool) -> Result<()> {
    if !(seconds > 0.0 && seconds <= 3600.0) {
        bail!("--seconds {seconds} is not above 0 and at most 3600");
    }
    let tasks = match task {
        Some(name) => vec![task::find(name)?],
        None => task::all().iter().collect(),
    };
    if !json {
        output::line(format!(
            "{:<26} {:>18} {:>14} {:>13} {:>20}",
            "task", "decisions/CPU s", "inside MuJoCo", "two threads", "dm_control in Python"
        ))?;
    }
    for task in tasks {
        let report = bench::env(task, seconds)?;
        if json {
            output::line(serde_json::to_string(&report)?)?;
            continue;
        }
        let python = report.dm_control_per_cpu_second.map_or("-".to_owned(), |n| format!("{n:.0}"));
        output::line(format!(
            "{:<26} {:>18.0} {:>13.1}% {:>12.2}x {:>20}",
            report.task,
            report.decisions_per_cpu_second,
            100.0 * report.share_in_mujoco,
            report.scaling_on_two_threads,
            python
        ))?;
    }
    Ok(())
}
