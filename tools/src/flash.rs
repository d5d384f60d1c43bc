//! `cargo xtask flash-policy IMAGE`: a new policy for a microcontroller that has one, over its link.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow, bail};

use crate::emulate::existing;
use crate::emulate::firmware::{Elf, Kernels, Machine};
use crate::emulate::qemu::Bench;
use crate::host::HostTrainer;
use crate::project::Project;
use crate::report::say;
use crate::run;
use crate::setup;

/// What to send, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The new image
    image: PathBuf,
    /// Serial port of a board
    #[arg(long, value_name = "PATH", required_unless_present = "emulator")]
    port: Option<PathBuf>,
    /// Its speed
    #[arg(long, default_value_t = 460_800, value_parser = clap::value_parser!(u32).range(1..))]
    baud: u32,
    /// Emulate a board instead, whose firmware came with this image
    #[arg(long, value_name = "IMAGE", conflicts_with = "port")]
    emulator: Option<PathBuf>,
    /// Make the actuators safe first
    #[arg(long)]
    disarm: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the image is refused on either side or the link breaks; the old policy is the one that runs then.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let image = existing(&arguments.image)?;
    let old = arguments.emulator.as_deref().map(existing).transpose()?;
    setup::quietly(project)?;
    let host = HostTrainer::build(project)?;
    host.check_image(project, &image)?;
    let mut command = host.command(project);
    command.arg("flash-policy").arg(&image);
    if arguments.json {
        command.arg("--json");
    }
    if arguments.disarm {
        command.arg("--disarm");
    }
    if let Some(old) = &old {
        let elf = Elf::build(project, Machine::Emulator, Kernels::default(), Some(old))?;
        let bench = Bench::new()?;
        let (request, reply) = bench.pipes()?;
        let emulator = bench.start(elf.bytes(), None)?;
        command.arg("--request").arg(request).arg("--reply").arg(reply).arg("--goodbye");
        let result = send(&mut command);
        if result.is_err() {
            let complaints = emulator.complaints();
            if !complaints.is_empty() {
                say(format!("qemu-system-arm: {complaints}"));
            }
        }
        return result;
    }
    let Some(port) = &arguments.port else { bail!("name a --port, or --emulator IMAGE") };
    let mut stty = Command::new("stty");
    stty.arg("-F").arg(port).arg(arguments.baud.to_string());
    // Whoever waits for a lost answer stops waiting after ten seconds: erasing takes up to six.
    stty.args(["raw", "-echo", "min", "0", "time", "100"]);
    let output = run::output(&mut stty)?;
    if !output.status.success() {
        bail!("{}: {}", port.display(), run::last_line(&output.stderr));
    }
    command.arg("--request").arg(port).arg("--reply").arg(port);
    send(&mut command)
}

fn send(command: &mut Command) -> Result<()> {
    run::die_with_parent(command);
    command.stdin(Stdio::null()).stdout(Stdio::inherit());
    let _patience = run::LeaveInterrupts::to_children();
    if std::io::stderr().is_terminal() {
        // It shows how far it is, and says itself what went wrong.
        let status = run::status(command)?;
        return if status.success() { Ok(()) } else { Err(anyhow!("the old policy stays")) };
    }
    let output = run::output(command.stderr(Stdio::piped()))?;
    if !output.status.success() {
        let line = run::last_line(&output.stderr);
        bail!("{}; the old policy stays", line.trim_start_matches("error: "));
    }
    Ok(())
}
