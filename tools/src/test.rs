//! `cargo xtask test`: everything that must hold, the emulated microcontroller included.

use std::process::Command;

use anyhow::{Context, Result};

use crate::emulate::firmware::{Elf, Kernels, Machine};
use crate::fuzz;
use crate::project::Project;
use crate::report::say;
use crate::run;
use crate::setup;
use crate::setup::toolchain::{TARGET, wrapper_path};

/// How to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Take the set-up as it is
    #[arg(long)]
    no_setup: bool,
    /// Leave out what is held against other people's programs: TensorBoard, ONNX Runtime, safetensors
    #[arg(long)]
    without_reference: bool,
}

/// Runs all tests and ends the program with the runner's exit status: its summary is the last line.
///
/// # Errors
/// When something does not build or the tests of the debug build fail.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    if !arguments.no_setup {
        setup::quietly(project)?;
        if !arguments.without_reference {
            setup::reference::ensure(project)
                .context("without what tests compare with: cargo xtask test --without-reference")?;
        }
    }
    let cargo = |words: &[&str]| -> Command {
        let mut cargo = run::cargo(project.root());
        cargo.args(words);
        cargo
    };
    let workspace = ["build", "--workspace", "--release"];
    step("building the workspace", &mut cargo(&workspace), "the build")?;

    // The arithmetic promises the same bits in every build.
    let debug = ["test", "--package", "daa-core"];
    step("testing core in a debug build", &mut cargo(&debug), "core's tests in a debug build")?;

    for features in [&["--no-default-features"][..], &["--features", "defmt"]] {
        let what = format!("building core for {TARGET} ({})", features.join(" "));
        let mut command = run::firmware_cargo(project.root());
        command
            .args(["build", "--release", "--package", "daa-core", "--target", TARGET])
            .args(features);
        // Another compiler than the host's: its own folder, or each would undo the other's work.
        command.arg("--target-dir").arg(project.firmware().join("target"));
        command.env("RUSTC", wrapper_path(project));
        step(&what, &mut command, &what)?;
    }
    for machine in [Machine::Board, Machine::Emulator] {
        Elf::build(project, machine, Kernels::default(), None)?;
    }

    let mut decoder = run::cargo(&project.root().join("tools/firmware-log"));
    decoder
        .args(["test", "--release", "--target-dir"])
        .arg(project.target_dir().join("firmware-log"));
    step("testing the decoder of the firmware's log", &mut decoder, "the decoder's tests")?;

    // The planted mistakes are found within seconds; the real search takes its half minute.
    for planted in [true, false] {
        fuzz::run(project, &fuzz::Arguments::usual(planted))?;
    }

    say("testing the workspace");
    let mut tests = cargo(&["test", "--workspace", "--release", "--no-fail-fast"]);
    if arguments.without_reference {
        say("tests against other people's programs are left out");
        tests.env("DAA_WITHOUT_REFERENCE", "1");
    }
    let status = run::status(&mut tests)?;
    // Nothing is printed after the runner's summary.
    std::process::exit(status.code().unwrap_or(1));
}

fn step(what: &str, command: &mut Command, failure: &str) -> Result<()> {
    say(what);
    run::interactive(command, failure)
}
