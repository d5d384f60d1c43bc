//! `cargo xtask boot IMAGE`: start the emulated microcontroller, let it check its flash, show what it
//! said. Nobody drives it, so a firmware that accepts its image ends at the missing link.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;

use super::firmware::{Elf, Kernels, Machine, POLICY_BYTES};
use super::log::{Decoder, Line};
use super::qemu::Bench;
use crate::project::Project;
use crate::setup;
use crate::setup::place::explain;

/// Long enough for a slow machine; a boot takes less than a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to boot.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image that the firmware is built for
    image: PathBuf,
    /// Bytes that lie in the policy's flash sector instead; may be given several times
    #[arg(long, value_name = "FILE")]
    flash: Vec<PathBuf>,
    #[command(flatten)]
    kernels: Kernels,
    /// Print {"exit_code", "log"}, one object for each boot
    #[arg(long)]
    json: bool,
}

/// Builds once and boots once for each flash content.
///
/// # Errors
/// When the firmware does not build or the emulator does not end.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let image = super::existing(&arguments.image)?;
    setup::quietly(project)?;
    let elf = Elf::build(project, Machine::Emulator, arguments.kernels, Some(&image))?;
    let decoder = Decoder::build(project)?;
    if arguments.flash.is_empty() {
        let (code, lines) = boot(elf.bytes(), None, &decoder)?;
        print(arguments.json, code, &lines);
    }
    for path in &arguments.flash {
        let flash = read_flash(path)?;
        let (code, lines) = boot(&elf.without_image()?, Some(&flash), &decoder)?;
        if !arguments.json && arguments.flash.len() > 1 {
            println!("{}:", path.display());
        }
        print(arguments.json, code, &lines);
    }
    Ok(())
}

fn read_flash(path: &Path) -> Result<Vec<u8>> {
    let flash = fs::read(super::existing(path)?).map_err(|error| explain(error, path))?;
    if flash.is_empty() || flash.len() > POLICY_BYTES {
        let bytes = flash.len();
        bail!("{} has {bytes} bytes; the flash slot takes 1 to {POLICY_BYTES}", path.display());
    }
    Ok(flash)
}

fn print(as_json: bool, code: Option<i32>, lines: &[Line]) {
    if as_json {
        let log: Vec<_> = lines.iter().map(Line::to_string).collect();
        println!("{}", json!({ "exit_code": code, "log": log }));
        return;
    }
    for line in lines {
        println!("{line}");
    }
    println!("exit code {}", code.map_or_else(|| "none".into(), |code| code.to_string()));
}

/// Boots an ELF and returns its exit code and log.
fn boot(elf: &[u8], flash: Option<&[u8]>, decoder: &Decoder) -> Result<(Option<i32>, Vec<Line>)> {
    let bench = Bench::new()?;
    let mut emulator = bench.start(elf, flash)?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = emulator.ended()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            let lines: Vec<_> = emulator.log(decoder)?.iter().map(Line::to_string).collect();
            bail!("the firmware did not end; its log: [{}]", lines.join("; "));
        }
        thread::sleep(Duration::from_millis(5));
    };
    let lines = emulator.log(decoder)?;
    let complaints = emulator.complaints();
    if lines.is_empty() && !complaints.is_empty() {
        bail!("qemu-system-arm: {complaints}");
    }
    Ok((status.code(), lines))
}
