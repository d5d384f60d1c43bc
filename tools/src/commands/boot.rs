//! `cargo xtask boot IMAGE`: starts the emulated microcontroller, lets it check its flash, and shows its log. There is
//! no host, so a firmware that accepts its image ends because the link is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;
use tools::files::{existing, explain};
use tools::firmware::log::{Decoder, Line};
use tools::firmware::{Elf, Kernels, Machine, POLICY_BYTES};
use tools::project::Project;
use tools::qemu::Bench;
use tools::setup;

/// Time limit of a boot, which takes less than a second on most machines.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What to boot.
#[derive(Debug, clap::Args)]
pub(crate) struct Boot {
    /// The image that the firmware is built with
    image: PathBuf,
    /// Content of the policy's flash sector instead of the image; may be given several times
    #[arg(long, value_name = "FILE")]
    flash: Vec<PathBuf>,
    #[command(flatten)]
    kernels: Kernels,
    /// Print {"exit_code", "log"}, one object for each boot
    #[arg(long)]
    json: bool,
}

impl Boot {
    /// Builds once, and boots once for each flash content.
    ///
    /// # Errors
    /// When the firmware does not build or does not end.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let image = existing(&self.image)?;
        setup::quietly(&project)?;
        let elf = Elf::build(&project, Machine::Emulator, self.kernels, Some(&image))?;
        let decoder = Decoder::build(&project)?;
        if self.flash.is_empty() {
            let (code, lines) = boot(&project, elf.bytes(), None, &decoder)?;
            print(self.json, code, &lines);
        }
        for path in &self.flash {
            let flash = read_flash(path)?;
            let (code, lines) = boot(&project, &elf.without_image()?, Some(&flash), &decoder)?;
            if !self.json && self.flash.len() > 1 {
                println!("{}:", path.display());
            }
            print(self.json, code, &lines);
        }
        Ok(())
    }
}

fn read_flash(path: &Path) -> Result<Vec<u8>> {
    let flash = fs::read(existing(path)?).map_err(|error| explain(error, path))?;
    if flash.is_empty() || flash.len() > POLICY_BYTES {
        let bytes = flash.len();
        bail!(
            "{}: the file is {bytes} bytes; the flash slot takes 1 to {POLICY_BYTES}",
            path.display()
        );
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

/// Boots an ELF file and returns the firmware's exit code and log.
fn boot(
    project: &Project,
    elf: &[u8],
    flash: Option<&[u8]>,
    decoder: &Decoder,
) -> Result<(Option<i32>, Vec<Line>)> {
    let bench = Bench::new()?;
    let mut emulator = bench.start(project, elf, flash)?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = emulator.ended()? {
            break status;
        }
        if start.elapsed() > TIME_LIMIT {
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
