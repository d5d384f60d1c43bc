//! `host-trainer import`.

use anyhow::Result;
use daa_formats::import;
use std::process::ExitCode;

/// Make an image of a policy of Stable-Baselines3 or CleanRL: safetensors or ONNX
#[derive(clap::Args, Debug)]
pub(crate) struct Import {
    #[command(flatten)]
    args: import::Args,
}

impl Import {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        import::import(&self.args)?;
        Ok(ExitCode::SUCCESS)
    }
}
