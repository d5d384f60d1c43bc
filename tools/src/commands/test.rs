//! `cargo xtask test`: every test, including those on the emulated microcontroller.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use tools::firmware::{Elf, Kernels, Machine};
use tools::fuzzing::Fuzzing;
use tools::process;
use tools::programs;
use tools::progress::say;
use tools::project::Project;
use tools::setup;
use tools::setup::emulator;
use tools::setup::toolchain::{TARGET, wrapper_path};

/// Names and durations of earlier steps, one a line, which `.ci/run` passes on.
const EARLIER_STEPS: &str = "DAA_STEPS";

/// How to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Do not set up
    #[arg(long)]
    no_setup: bool,
    /// Leave out comparisons with other programs: TensorBoard, ONNX Runtime, safetensors
    #[arg(long)]
    without_reference: bool,
}

impl Test {
    /// Runs all tests and ends this program with the exit status of cargo's test runner, whose summary is the last
    /// output.
    ///
    /// # Errors
    /// When something does not build, or a test before the workspace's tests fails.
    pub(crate) fn run(self) -> Result<()> {
        let project = &Project::find()?;
        let mut steps = Steps::default();
        if !self.no_setup {
            steps.time("set-up", || {
                setup::quietly(project)?;
                if self.without_reference {
                    return Ok(());
                }
                setup::reference::ensure(project).context(
                    "to leave out the comparisons that need it: cargo xtask test --without-reference",
                )
            })?;
        }
        let cargo = |words: &[&str]| -> Command {
            let mut cargo = process::cargo(project.root());
            cargo.args(words);
            cargo
        };
        let tests = ["test", "--workspace", "--release", "--no-fail-fast"];
        // This builds every program that the tests start, too: each of their packages has an integration test.
        steps.run(
            "building the workspace's tests",
            &mut cargo(&[&tests[..], &["--no-run"]].concat()),
        )?;

        // The arithmetic must give the same bits in every build.
        steps.run("core in a debug build", &mut cargo(&["test", "--package", "daa-core"]))?;

        for features in [&["--no-default-features"][..], &["--features", "defmt"]] {
            let mut cargo = process::firmware_cargo(project.root());
            cargo.args(["build", "--release", "--package", "daa-core", "--target", TARGET]);
            // The compiler is another than the host's: in a shared folder each would undo the other's work.
            cargo.args(features).arg("--target-dir").arg(project.firmware().join("target"));
            cargo.env("RUSTC", wrapper_path(project));
            steps.run(&format!("core for {TARGET} ({})", features.join(" ")), &mut cargo)?;
        }
        steps.time("the firmware for the board", || {
            Elf::build(project, Machine::Board, Kernels::default(), None).map(drop)
        })?;

        let mut decoder = process::cargo(&project.root().join("tools/firmware-log"));
        decoder
            .args(["test", "--release", "--target-dir"])
            .arg(project.target_dir().join("firmware-log"));
        steps.run("the decoder of the firmware's log", &mut decoder)?;

        // The planted mistakes are found within seconds; the search without them takes half a minute.
        for (name, planted) in [("fuzzing, with planted mistakes", true), ("fuzzing", false)] {
            steps.time(name, || Fuzzing::usual(planted).run(project))?;
        }

        steps.print();
        say("testing the workspace");
        let mut tests = cargo(&tests);
        if self.without_reference {
            say("comparisons with other programs are left out");
            tests.env("DAA_WITHOUT_REFERENCE", "1");
        }
        emulator::add_to_path(project, &mut tests);
        tests.env(programs::BUILT, "1");
        let status = process::status(&mut tests)?;
        // The runner's summary stays the last output.
        std::process::exit(status.code().unwrap_or(1));
    }
}

/// Names and durations of the steps so far.
#[derive(Default)]
struct Steps(Vec<(String, f64)>);

impl Steps {
    /// Runs a step.
    fn time(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        say(format!("== {name}"));
        let start = Instant::now();
        step()?;
        self.0.push((name.to_owned(), start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Runs a command as a step.
    fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        self.time(name, || process::interactive(command, name))
    }

    fn print(&self) {
        say("seconds of each step before the workspace's tests:");
        for line in std::env::var(EARLIER_STEPS).unwrap_or_default().lines() {
            say(format!("  {line}"));
        }
        for (name, seconds) in &self.0 {
            say(format!("  {seconds:>6.0}  {name}"));
        }
    }
}
