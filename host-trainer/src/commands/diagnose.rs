//! `host-trainer diagnose`.

use anyhow::Result;
use daa_lab::quality::diagnose;
use std::process::ExitCode;

/// Compare the advantages of each estimator with rollouts in the rewound simulator
#[derive(clap::Args, Debug)]
pub(crate) struct Diagnose {
    #[command(flatten)]
    args: diagnose::Args,
}

impl Diagnose {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        diagnose::run(&self.args)?;
        Ok(ExitCode::SUCCESS)
    }
}
