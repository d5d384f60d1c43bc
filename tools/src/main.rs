//! `cargo xtask …`: set-up, training, tests and the emulated microcontroller.
//!
//! A command is one file in `commands/`, with a struct of its arguments and a method `run`; its module is listed in
//! `commands/mod.rs` and its line of help below.

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use commands::*;

/// Set-up, training, tests and the emulated microcontroller.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Declares the enum of commands: for each its name, its file, and its line of help.
macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($file:ident),)*) => {
        #[derive(Debug, clap::Subcommand)]
        enum Command {
            $($(#[$attribute])* $name($file::$name),)*
        }

        impl Command {
            fn run(self) -> Result<()> {
                match self {
                    $(Self::$name(command) => command.run(),)*
                }
            }
        }
    };
}

commands! {
    /// Install libraries, models, compiler and emulator
    Setup(setup),
    /// Show what is installed, where, and whether it works
    Doctor(doctor),
    /// Set up what is missing and run every test, including those on the emulated microcontroller
    Test(test),
    /// Set up what is missing, train a policy, and run it on the emulated microcontroller
    Train(train),
    /// Run episodes in which an image on the emulated microcontroller controls the simulator
    Emulate(emulate),
    /// Boot the emulated microcontroller with an image and show its log
    Boot(boot),
    /// Send a new policy to a microcontroller over its link; the old one stays until the new one has passed its trial
    Upload(upload),
    #[command(hide = true)]
    FlashPolicy(renamed),
    /// Inject faults into the firmware's control loop and write docs/faults.md
    Faults(faults),
    /// Fuzz everything that reads images, link frames and configurations
    Fuzz(fuzz),
    /// Show the flash, RAM and stack that the firmware takes
    Size(size),
    /// Measure the kernels on the emulated microcontroller, ours and other libraries'
    Bench(bench),
    /// Record episodes of Python dm_control, with which the simulator is tested
    Record(record),
}

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
