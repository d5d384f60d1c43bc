//! `cargo xtask …`: everything around the crates that is not a crate's own business.
//!
//! The commands drive `cargo`, `pip`, `apt-get`, `qemu-system-arm` and `host-trainer` as programs and
//! know nothing of what is inside them.

mod bench;
mod cli;
mod doctor;
mod emulate;
mod faults;
mod flash;
mod fuzz;
mod host;
mod project;
mod record;
mod report;
mod run;
mod segments;
mod setup;
mod size;
mod test;
mod train;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
