//! `host-trainer hil`.

use anyhow::{Result, bail};
use daa_device::hil;
use daa_envs::output;
use std::path::PathBuf;
use std::process::ExitCode;

/// Control the simulator with a microcontroller that runs an image (hardware in the loop), and compare every action
#[derive(clap::Args, Debug)]
pub(crate) struct Hil {
    /// Image that the microcontroller runs
    image: PathBuf,
    /// FIFO or serial port that takes requests
    #[arg(long, value_name = "PATH")]
    request: PathBuf,
    /// FIFO or serial port that gives replies
    #[arg(long, value_name = "PATH")]
    reply: PathBuf,
    /// Number of episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    episodes: u32,
    /// Seed of the initial states
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clock ticks of one instruction: 21.504 in the emulator, 1 on a board (then they are cycles)
    #[arg(long, default_value_t = 21.504)]
    ticks_per_instruction: f64,
    /// Act with the best of N sampled actions, by their advantages in the learned model
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    best_of: u8,
    /// With --best-of: act with the mean of all N actions, weighted by a softmax of their advantages; the lower the
    /// temperature, the larger the weight of the best action
    #[arg(long, default_value_t = 0.0, value_name = "TEMPERATURE", value_parser = not_negative)]
    softmax: f32,
    /// With --best-of: consider no further action after this number of instructions; 0: no limit
    #[arg(long, default_value_t = 0, value_name = "INSTRUCTIONS")]
    budget: u32,
    /// With --best-of: report the advantages and act with the policy alone
    #[arg(long)]
    telemetry: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Hil {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let args = &self;
        if !(args.ticks_per_instruction.is_finite() && args.ticks_per_instruction > 0.0) {
            bail!("--ticks-per-instruction {} is not above 0", args.ticks_per_instruction);
        }
        let options = hil::Options {
            image: args.image.clone(),
            request: args.request.clone(),
            reply: args.reply.clone(),
            episodes: args.episodes as usize,
            seed: args.seed,
            ticks_per_instruction: args.ticks_per_instruction,
            plan: daa_core::model::planner::Plan {
                candidates: args.best_of,
                acts: !args.telemetry,
                temperature: args.softmax,
                budget: (f64::from(args.budget) * args.ticks_per_instruction) as u32,
                seed: 0,
            },
        };
        let report = hil::run(&options, |index, episode| {
            if !args.json {
                output::line(format!(
                    "episode {index:>3}  host {:8.2}  microcontroller {:8.2}  differing actions {}  instructions/decision {:.0}",
                    episode.host_return,
                    episode.mcu_return,
                    episode.differing_actions,
                    episode.instructions_per_decision
                ))?;
            }
            Ok(())
        })?;
        if args.json {
            output::line(serde_json::to_string(&report)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A finite temperature of at least 0.
fn not_negative(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value: &f32| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "a number of at least 0 is needed".to_owned())
}
