//! `host-trainer inspect`.

use anyhow::Result;
use daa_formats::inspect::inspect;
use std::path::PathBuf;
use std::process::ExitCode;

/// Show the contents of a policy image
#[derive(clap::Args, Debug)]
pub(crate) struct Inspect {
    /// Image
    image: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        inspect(&self.image, self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
