//! `host-trainer render`.

use anyhow::Result;
use daa_lab::render;
use daa_lab::subject::policy_of;
use std::process::ExitCode;

/// Make an animation (.gif) or a sheet of pictures (.png) of an episode
#[derive(clap::Args, Debug)]
pub(crate) struct Render {
    #[command(flatten)]
    args: render::Args,
}

impl Render {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (agent, task, action_repeat) = policy_of(&self.args.what)?;
        render::render(&agent, task, action_repeat, &self.args)?;
        Ok(ExitCode::SUCCESS)
    }
}
