//! `cargo xtask size [IMAGE]`: what the firmware takes of the microcontroller, and whether it lies there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::emulate::firmware::{Elf, Kernels, Machine, Usage};
use crate::emulate::qemu::Bench;
use crate::emulate::{Drive, existing};
use crate::host::HostTrainer;
use crate::project::Project;
use crate::segments::misplaced;
use crate::setup;
use crate::setup::place;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image [default: the last exported one, else an untrained one]
    image: Option<PathBuf>,
    #[command(flatten)]
    kernels: Kernels,
    /// TOML of the task, where it is one of your own and its copy in the run is gone
    #[arg(long, value_name = "TOML")]
    task_file: Option<PathBuf>,
    /// Only this one [default: both]
    #[arg(long, value_enum)]
    machine: Option<Machine>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Builds for one machine or both, holds the segments against the chip's memories, drives one episode to see how
/// deep the stack gets, and prints it all.
///
/// # Errors
/// When something does not build, lies outside the chip's memories, or the episode fails.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let image = arguments.image.as_deref().map(existing).transpose()?;
    let task_file = arguments.task_file.as_deref().map(existing).transpose()?;
    let (image, kernels, task_file) = (image.as_deref(), arguments.kernels, task_file.as_deref());
    setup::quietly(project)?;
    let mut sizes = Vec::new();
    let mut driven = None;
    for machine in [Machine::Board, Machine::Emulator] {
        if arguments.machine.is_some_and(|only| only != machine) {
            continue;
        }
        let elf = Elf::build(project, machine, kernels, image)?;
        in_place(&elf, machine)?;
        sizes.push((machine, elf.usage()?));
        driven = (machine == Machine::Emulator).then_some(elf);
    }
    let stack = driven.map(|elf| stack(project, kernels, &elf, task_file)).transpose()?;
    if arguments.json {
        let mut object: Map<String, Value> =
            sizes.iter().map(|(machine, usage)| (machine.name().into(), object(usage))).collect();
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
            "stack      {stack:>8} at most, in the emulator over one episode (RAM is without it)"
        );
    }
    Ok(())
}

/// How deep the stack gets in one episode.
fn stack(project: &Project, kernels: Kernels, elf: &Elf, task_file: Option<&Path>) -> Result<u64> {
    let host = HostTrainer::build(project)?;
    // The build chose the image; the episode is driven with that very one.
    let bench = Bench::new()?;
    let chosen = bench.path().join("chosen.daa");
    place::write(&chosen, elf.image()?)?;
    let drive = Drive {
        image: &chosen,
        episodes: 1,
        seed: 1,
        verbose: false,
        task_file,
        planning: &[],
        kernels,
    };
    let (_, report) = drive.run(project, &host)?;
    Ok(report.stack_high_water_bytes)
}

/// Refuses a firmware that leaves the chip's memories.
fn in_place(elf: &Elf, machine: Machine) -> Result<()> {
    let lines = misplaced(elf.bytes()).context("the firmware is no ELF file for the chip")?;
    if !lines.is_empty() {
        bail!(
            "the firmware ({}) leaves the chip's memories, see firmware/memory.x: {}",
            machine.name(),
            lines.join("; ")
        );
    }
    Ok(())
}

fn object(usage: &Usage) -> Value {
    json!({ "flash": usage.flash, "ram": usage.ram, "policy": usage.policy })
}
