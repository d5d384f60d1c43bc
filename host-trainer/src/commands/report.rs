//! `host-trainer report`.

use anyhow::Result;
use daa_lab::report;
use std::process::ExitCode;

/// Put runs together: learning curves, scores and comparisons over seeds, as one page
#[derive(clap::Args, Debug)]
pub(crate) struct Report {
    #[command(flatten)]
    args: report::Args,
}

impl Report {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        report::report(&self.args)?;
        Ok(ExitCode::SUCCESS)
    }
}
