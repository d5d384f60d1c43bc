//! `cargo xtask size [IMAGE]`: what the firmware takes of the microcontroller, and whether it lies there.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Builds for both machines, holds the segments against the chip's memories, drives one episode to see how
/// deep the stack gets, and prints it all.
///
/// # Errors
/// When something does not build, lies outside the chip's memories, or the episode fails.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let image = arguments.image.as_deref().map(existing).transpose()?;
    let (image, kernels) = (image.as_deref(), arguments.kernels);
    setup::quietly(project)?;
    let elf = Elf::build(project, Machine::Board, kernels, image)?;
    in_place(&elf, Machine::Board)?;
    let board = elf.usage()?;
    let elf = Elf::build(project, Machine::Emulator, kernels, image)?;
    in_place(&elf, Machine::Emulator)?;
    let emulator = elf.usage()?;
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
        task_file: None,
        planning: &[],
        kernels,
    };
    let (_, report) = drive.run(project, &host)?;
    let stack = report.stack_high_water_bytes;
    if arguments.json {
        let object = json!({
            "board": object(&board), "emulator": object(&emulator), "stack_high_water_bytes": stack,
        });
        println!("{object}");
        return Ok(());
    }
    println!("{:<10} {:>8} {:>8} {:>8}", "bytes", "flash", "RAM", ".policy");
    for (machine, usage) in [(Machine::Board, board), (Machine::Emulator, emulator)] {
        let Usage { flash, ram, policy } = usage;
        println!("{:<10} {flash:>8} {ram:>8} {policy:>8}", machine.name());
    }
    println!("stack      {stack:>8} at most, in the emulator over one episode (RAM is without it)");
    Ok(())
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
