//! `host-trainer sweep`.

use anyhow::Result;
use daa_lab::study::sweep;
use std::process::ExitCode;

/// Plan and run many jobs: a grid of tasks, estimators and options
#[derive(clap::Args, Debug)]
pub(crate) struct Sweep {
    #[command(subcommand)]
    what: sweep::Sweep,
}

impl Sweep {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        sweep::run(&self.what)
    }
}
