//! `host-trainer render`.

use anyhow::Result;
use daa_lab::render::{Options, render};
use daa_lab::subject::policy_of;
use std::path::PathBuf;
use std::process::ExitCode;

/// Make an animation (.gif) or a sheet of pictures (.png) of an episode
#[derive(clap::Args, Debug)]
pub(crate) struct Render {
    /// Run directory or image
    #[arg(value_name = "RUN|IMAGE")]
    what: PathBuf,
    /// File to write: .gif for an animation, .png for a sheet of frames
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Number of episodes, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    episodes: u32,
    /// Seed of the initial states
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Width of a frame in pixels
    #[arg(long, default_value_t = 320, value_parser = clap::value_parser!(u32).range(16..=4096))]
    width: u32,
    /// Height of a frame in pixels
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u32).range(16..=4096))]
    height: u32,
    /// Largest number of frames of an episode, spread evenly over it; default: 120 in a .gif, 12 in a .png
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    frames: Option<u32>,
}

impl Render {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (agent, task, action_repeat) = policy_of(&self.what)?;
        let options = Options {
            output: self.output,
            episodes: self.episodes,
            seed: self.seed,
            width: self.width,
            height: self.height,
            frames: self.frames,
        };
        render(&agent, task, action_repeat, &options)?;
        Ok(ExitCode::SUCCESS)
    }
}
