//! The commands and their arguments.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;
use crate::setup::{self, toolchain::Route};
use crate::{bench, doctor, emulate, faults, flash, fuzz, record, size, test, train};

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
        /// Fetch CUDA's libraries, too (about 2.5 GB), for `host-trainer train --device cuda`
        #[arg(long)]
        cuda: bool,
    },
    /// Show what is on this machine, where, and whether it computes
    Doctor,
    /// Set up what is missing and run every test, the emulated microcontroller included
    Test(test::Arguments),
    /// Set up what is missing, train a policy, run it in the emulated microcontroller
    Train(train::Arguments),
    /// Drive the simulator with an image in the emulated microcontroller
    Emulate(emulate::Arguments),
    /// Boot the emulated microcontroller with an image and show its log
    Boot(emulate::boot::Arguments),
    /// Send a new policy to a microcontroller over its link; the old one stays until it has proved itself
    FlashPolicy(flash::Arguments),
    /// Inject faults into the firmware's loop and write docs/faults.md
    Faults(faults::Arguments),
    /// Throw bytes at everything that reads images, link frames and configurations
    Fuzz(fuzz::Arguments),
    /// Show the flash, RAM and stack that the firmware takes
    Size(size::Arguments),
    /// Measure the kernels on the emulated microcontroller, beside other libraries
    Bench(bench::Arguments),
    /// Record episodes of Python dm_control to test the simulator against
    Record(record::Arguments),
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        match self.command {
            Command::Setup { toolchain, cuda } => setup::run(&project, toolchain, cuda),
            Command::Doctor => doctor::run(&project),
            Command::Test(arguments) => test::run(&project, &arguments),
            Command::Train(arguments) => train::run(&project, &arguments),
            Command::Emulate(arguments) => emulate::run(&project, &arguments),
            Command::Boot(arguments) => emulate::boot::run(&project, &arguments),
            Command::FlashPolicy(arguments) => flash::run(&project, &arguments),
            Command::Faults(arguments) => faults::run(&project, &arguments),
            Command::Fuzz(arguments) => fuzz::run(&project, &arguments),
            Command::Size(arguments) => size::run(&project, &arguments),
            Command::Bench(arguments) => bench::run(&project, &arguments),
            Command::Record(arguments) => record::run(&project, &arguments),
        }
    }
}
