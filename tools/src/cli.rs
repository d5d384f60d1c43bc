//! The commands and their arguments.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;
use crate::setup::{self, toolchain::Route};

/// Set-up, training, tests and the emulated microcontroller.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch libraries and models into .deps/, find or install the compiler and the emulator
    Setup {
        /// Where the firmware's compiler comes from [default: rustup, else Debian]
        #[arg(long, value_enum)]
        toolchain: Option<Route>,
    },
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        match self.command {
            Command::Setup { toolchain } => setup::run(&project, toolchain),
        }
    }
}
