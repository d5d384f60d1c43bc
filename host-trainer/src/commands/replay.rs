//! `host-trainer replay`.

use anyhow::{Context, Result};
use daa_envs::files::{RECORDED, read_text};
use daa_envs::{find_near, output, replay};
use std::path::PathBuf;
use std::process::ExitCode;

/// Replay recorded actions from a saved simulator state; prints JSON
#[derive(clap::Args, Debug)]
pub(crate) struct Replay {
    /// JSON: {"task", "state", "model" (optional), "actions", "repeat"}
    file: PathBuf,
}

impl Replay {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let file = &self.file;
        let text =
            read_text(file, RECORDED).with_context(|| format!("cannot read {}", file.display()))?;
        let named = replay::parse(&text).and_then(|r| find_near(&r.task, file));
        named.with_context(|| file.display().to_string())?;
        output::line(replay::replay(&text).with_context(|| file.display().to_string())?)?;
        Ok(ExitCode::SUCCESS)
    }
}
