//! `host-trainer variance`.

use anyhow::Result;
use daa_lab::quality::bias_command;
use daa_lab::variance::command;
use std::process::ExitCode;

/// Measure the variance that states and actions contribute to the policy gradient
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Variance {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    args: command::Args,
}

/// Other measurements.
#[derive(clap::Subcommand, Debug)]
enum What {
    /// Measure bias and variance of the estimators' gradients for the policy of a run
    Bias(bias_command::Args),
}

impl Variance {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            Some(What::Bias(args)) => bias_command::run(&args)?,
            None => command::run(&self.args)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
