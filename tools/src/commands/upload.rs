//! `cargo xtask upload IMAGE`: sends a new policy over the link to a microcontroller that already has one.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow, bail};
use tools::files::existing;
use tools::firmware::{Elf, Kernels, Machine};
use tools::process;
use tools::programs::HostTrainer;
use tools::progress::say;
use tools::project::Project;
use tools::qemu::Bench;
use tools::setup;

/// What to send, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Upload {
    /// The new image
    image: PathBuf,
    /// Serial port of a board
    #[arg(long, value_name = "PATH", required_unless_present = "emulator")]
    port: Option<PathBuf>,
    /// Speed of the serial port, in bits per second
    #[arg(long, default_value_t = 460_800, value_parser = clap::value_parser!(u32).range(1..))]
    baud: u32,
    /// Upload to an emulated board instead, whose firmware is built with this image
    #[arg(long, value_name = "IMAGE", conflicts_with = "port")]
    emulator: Option<PathBuf>,
    /// Make the actuators safe first
    #[arg(long)]
    disarm: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Upload {
    /// Uploads the image.
    ///
    /// # Errors
    /// When either side refuses the image or the link breaks; the microcontroller then keeps the old policy.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let image = existing(&self.image)?;
        let old = self.emulator.as_deref().map(existing).transpose()?;
        setup::quietly(&project)?;
        let host = HostTrainer::build(&project)?;
        host.check_image(&project, &image)?;
        let mut command = host.command(&project);
        command.arg("upload").arg(&image);
        command.args(self.json.then_some("--json")).args(self.disarm.then_some("--disarm"));
        if let Some(old) = &old {
            let elf = Elf::build(&project, Machine::Emulator, Kernels::default(), Some(old))?;
            let bench = Bench::new()?;
            let (request, reply) = bench.pipes()?;
            let emulator = bench.start(&project, elf.bytes(), None)?;
            command.arg("--request").arg(request).arg("--reply").arg(reply).arg("--goodbye");
            let result = send(&mut command);
            let complaints = emulator.complaints();
            if result.is_err() && !complaints.is_empty() {
                say(format!("qemu-system-arm: {complaints}"));
            }
            return result;
        }
        let Some(port) = &self.port else { bail!("name a --port, or --emulator IMAGE") };
        let mut stty = Command::new("stty");
        stty.arg("-F").arg(port).arg(self.baud.to_string());
        // Reading ends after ten seconds without a byte: erasing flash takes up to six.
        stty.args(["raw", "-echo", "min", "0", "time", "100"]);
        process::succeed(&mut stty, &port.display().to_string())?;
        command.arg("--request").arg(port).arg("--reply").arg(port);
        send(&mut command)
    }
}

fn send(command: &mut Command) -> Result<()> {
    process::die_with_parent(command);
    command.stdin(Stdio::null()).stdout(Stdio::inherit());
    let _guard = process::LeaveInterrupts::to_children();
    if std::io::stderr().is_terminal() {
        // The program shows its progress, and says itself what went wrong.
        let status = process::status(command)?;
        return if status.success() { Ok(()) } else { Err(anyhow!("the old policy stays")) };
    }
    let output = process::output(command.stderr(Stdio::piped()))?;
    if !output.status.success() {
        bail!("{}; the old policy stays", process::complaint(&output.stderr));
    }
    Ok(())
}
