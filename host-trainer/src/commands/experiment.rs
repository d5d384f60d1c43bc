//! `host-trainer experiment`.

use anyhow::Result;
use daa_lab::study::experiment;
use std::process::ExitCode;

/// Run one of the paper's figures: every arm on every task, and a report
#[derive(clap::Args, Debug)]
pub(crate) struct Experiment {
    #[command(flatten)]
    args: experiment::Args,
}

impl Experiment {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        experiment::run(&self.args)
    }
}
