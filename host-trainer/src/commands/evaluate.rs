//! `host-trainer evaluate`.

use anyhow::Result;
use daa_envs::evaluate::{Actions, Evaluation, Summary, evaluate, trajectories_csv};
use daa_envs::files::write_atomically;
use daa_envs::output;
use daa_lab::subject::policy_of;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run episodes with a policy
#[derive(clap::Args, Debug)]
pub(crate) struct Evaluate {
    /// Run directory or image
    #[arg(value_name = "RUN|IMAGE")]
    what: PathBuf,
    /// Number of episodes
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    episodes: u32,
    /// Seed of the initial states
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Sample the actions, as in the papers, instead of taking the most probable ones
    #[arg(long)]
    sampled: bool,
    /// Worker threads; 0: one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// CSV file of the observation, action and reward of every decision
    #[arg(long, value_name = "FILE")]
    trajectories: Option<PathBuf>,
    /// Print {"mean", "stderr", "returns"}
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let args = &self;
        let threads = match args.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (agent, task, action_repeat) = policy_of(&args.what)?;
        let episodes = args.episodes as usize;
        let actions = if args.sampled { Actions::Sampled } else { Actions::Mean };
        let what = Evaluation { task, action_repeat, actions, episodes, seed: args.seed, threads };
        let episodes = evaluate(&agent, &what)?;
        let returns: Vec<f64> = episodes.iter().map(|episode| episode.total).collect();
        let Summary { mean, standard_error } = Summary::of(&returns);
        if let Some(file) = &args.trajectories {
            write_atomically(file, trajectories_csv(task, &episodes)?.as_bytes())?;
        }
        if args.json {
            output::line(format!(
                "{}",
                serde_json::json!({ "mean": mean, "stderr": standard_error, "returns": returns })
            ))?;
        } else {
            for (index, value) in returns.iter().enumerate() {
                output::line(format!("episode {index:>3}  {value:8.2}"))?;
            }
            output::line(format!(
                "mean return {mean:.2} +- {standard_error:.2} ({}, {} episodes, seed {})",
                task.name,
                returns.len(),
                args.seed
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
