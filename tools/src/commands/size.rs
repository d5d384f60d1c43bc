//! `cargo xtask size [IMAGE]`: the memory that the firmware takes, and whether its segments are where they must be.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use tools::files::{self, existing};
use tools::firmware::segments::misplaced;
use tools::firmware::{Elf, Kernels, Machine, Usage};
use tools::hil::Hil;
use tools::programs::HostTrainer;
use tools::project::Project;
use tools::qemu::Bench;
use tools::setup;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Size {
    /// The image [default: the last exported one, else an untrained one]
    image: Option<PathBuf>,
    #[command(flatten)]
    kernels: Kernels,
    /// Task file to use when the run's own copy is missing
    #[arg(long, value_name = "TOML")]
    task_file: Option<PathBuf>,
    /// Measure only the firmware for this machine [default: both]
    #[arg(long, value_enum)]
    machine: Option<Machine>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Size {
    /// Builds for one machine or both, compares the segments with the chip's memory map, runs one episode to measure
    /// the stack, and prints the result.
    ///
    /// # Errors
    /// When a program does not build, a segment is at a wrong address, or the episode fails.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let image = self.image.as_deref().map(existing).transpose()?;
        let task_file = self.task_file.as_deref().map(existing).transpose()?;
        setup::quietly(&project)?;
        let mut sizes = Vec::new();
        let mut emulated = None;
        for machine in [Machine::Board, Machine::Emulator] {
            if self.machine.is_some_and(|only| only != machine) {
                continue;
            }
            let elf = Elf::build(&project, machine, self.kernels, image.as_deref())?;
            check_segments(&elf, machine)?;
            sizes.push((machine, elf.usage()?));
            emulated = (machine == Machine::Emulator).then_some(elf);
        }
        let stack = emulated.map(|elf| stack(&project, self.kernels, &elf, task_file.as_deref()));
        let stack = stack.transpose()?;
        if self.json {
            let mut object: Map<String, Value> = sizes
                .iter()
                .map(|(machine, usage)| (machine.name().into(), object(usage)))
                .collect();
            object.extend(stack.map(|stack| ("stack_high_water_bytes".into(), stack.into())));
            println!("{}", Value::Object(object));
            return Ok(());
        }
        println!("{:<10} {:>8} {:>8} {:>8}", "bytes", "flash", "RAM", ".policy");
        for (machine, Usage { flash, ram, policy }) in sizes {
            println!("{:<10} {flash:>8} {ram:>8} {policy:>8}", machine.name());
        }
        if let Some(stack) = stack {
            println!(
                "stack      {stack:>8} at most, in one episode on the emulator (RAM does not include it)"
            );
        }
        Ok(())
    }
}

/// Returns the deepest stack in one episode, in bytes.
fn stack(project: &Project, kernels: Kernels, elf: &Elf, task_file: Option<&Path>) -> Result<u64> {
    let host = HostTrainer::build(project)?;
    // The build may have chosen the image; the episode is run with the same one.
    let bench = Bench::new()?;
    let chosen = bench.path().join("chosen.daa");
    files::write(&chosen, elf.image()?)?;
    let hil = Hil { task_file, kernels, ..Hil::new(&chosen, 1) };
    let (_, report) = hil.run(project, &host)?;
    Ok(report.stack_high_water_bytes)
}

/// Refuses a firmware with a segment at a wrong address.
fn check_segments(elf: &Elf, machine: Machine) -> Result<()> {
    let lines = misplaced(elf.bytes()).context("the firmware is not an ELF file for the chip")?;
    if !lines.is_empty() {
        bail!(
            "the firmware ({}) does not fit the chip's memories, see firmware/memory.x: {}",
            machine.name(),
            lines.join("; ")
        );
    }
    Ok(())
}

fn object(usage: &Usage) -> Value {
    json!({ "flash": usage.flash, "ram": usage.ram, "policy": usage.policy })
}
