//! The closed loop: `host-trainer hil` simulates the plant, and the firmware in the emulated microcontroller
//! controls it.

pub mod report;

use std::io::Read;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::firmware::log::{Decoder, Line, reason};
use crate::firmware::{Elf, Kernels, Machine};
use crate::process;
use crate::programs::HostTrainer;
use crate::progress::{Step, say};
use crate::project::Project;
use crate::qemu::{Bench, Emulator};
use report::Report;

/// How long one program may continue after the other has ended. On a busy machine it needs this time to say why it
/// ends, too; a program that hangs is killed then.
const GRACE: Duration = Duration::from_secs(120);

/// The exit status of a firmware whose link was closed.
const LINK_CLOSED: i32 = 4;

/// What to run.
pub struct Hil<'a> {
    /// Absolute path of the image.
    pub image: &'a Path,
    /// Number of episodes.
    pub episodes: u32,
    /// Seed of the initial states.
    pub seed: u64,
    /// Whether the firmware's log is printed.
    pub verbose: bool,
    /// Absolute path of the task file; none for a task that `host-trainer` knows or a run with a copy of the file.
    pub task_file: Option<&'a Path>,
    /// Further options of `host-trainer hil`.
    pub planning: &'a [String],
    /// The firmware's kernels.
    pub kernels: Kernels,
}

impl<'a> Hil<'a> {
    /// Episodes with the policy alone and with the kernels in Rust.
    pub fn new(image: &'a Path, episodes: u32) -> Self {
        let kernels = Kernels::default();
        Self { image, episodes, seed: 1, verbose: false, task_file: None, planning: &[], kernels }
    }

    /// Builds both programs, runs the episodes, and returns the JSON text and what it says.
    ///
    /// # Errors
    /// When the image is refused, or one of the programs fails or does not end.
    pub fn run(&self, project: &Project, host: &HostTrainer) -> Result<(String, Report)> {
        let image = self.image;
        host.check_image(project, image)?;
        let elf = Elf::build(project, Machine::Emulator, self.kernels, Some(image))?;
        let decoder = Decoder::build(project)?;
        let bench = Bench::new()?;
        let (request, reply) = bench.pipes()?;
        let mut emulator = bench.start(project, elf.bytes(), None)?;

        let mut command = host.command(project);
        if let Some(file) = self.task_file {
            command.arg("--task-file").arg(file);
        }
        command.arg("hil").arg(image).arg("--request").arg(request).arg("--reply").arg(reply);
        command.args(["--episodes", &self.episodes.to_string(), "--seed", &self.seed.to_string()]);
        command.args(self.planning);
        command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // On Ctrl-C both end, and this function removes the temporary folder after them.
        let _guard = process::LeaveInterrupts::to_children();
        let step = Step::new(format!("running {} episodes", self.episodes));
        let mut host = Host::new(process::spawn(&mut command)?);
        let ended = watch(&bench, &mut emulator, &mut host)?;
        let lines = emulator.log(&decoder)?;
        let (text, errors) = host.finish()?;
        if !ended.host.is_some_and(|status| status.success()) {
            return Err(ended.explain(&lines, &errors, &emulator.complaints()));
        }
        step.done();
        if self.verbose {
            lines.iter().for_each(|line| say(line.to_string()));
        }
        let report = serde_json::from_str(&text).context("host-trainer hil printed no report")?;
        Ok((text, report))
    }
}

/// How the two programs ended; none for a program that was still running.
#[derive(Debug, Clone, Copy)]
struct Ended {
    host: Option<ExitStatus>,
    firmware: Option<ExitStatus>,
}

/// Waits for both programs. When one has failed, the other finds the link closed, says so and ends; this includes a
/// program that waits at a pipe that the first has not opened.
fn watch(bench: &Bench, emulator: &mut Emulator, host: &mut Host) -> Result<Ended> {
    let mut since: Option<Instant> = None;
    loop {
        let ended = Ended {
            host: host.child.try_wait().context("waiting for host-trainer")?,
            firmware: emulator.ended()?,
        };
        let both = ended.host.is_some() && ended.firmware.is_some();
        let success = ended.host.is_some_and(|status| status.success());
        if both || success || since.is_some_and(|since| since.elapsed() > GRACE) {
            return Ok(ended);
        }
        if ended.host.is_some() || ended.firmware.is_some() {
            since.get_or_insert_with(Instant::now);
            bench.hang_up();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Ended {
    /// Returns one line with the reasons that both programs gave. The firmware's log is printed before it.
    fn explain(&self, lines: &[Line], errors: &str, complaints: &str) -> anyhow::Error {
        lines.iter().for_each(|line| say(format!("firmware: {line}")));
        let host = self.host.map(|status| {
            let silent = errors.trim().is_empty();
            if silent { status.to_string() } else { process::complaint(errors.as_bytes()) }
        });
        let firmware = self.firmware.map(|status| {
            // After the reason QEMU prints all registers.
            let fatal = complaints.lines().find(|line| line.contains("fatal"));
            let last = fatal.or_else(|| complaints.lines().last());
            let reason = reason(lines).or(last).unwrap_or("no message");
            format!("the firmware stopped ({status}): {reason}")
        });
        // A closed link is a consequence; the host knows the cause.
        let link_closed = self.firmware.and_then(|status| status.code()) == Some(LINK_CLOSED);
        match (host, firmware) {
            (Some(host), Some(firmware)) if link_closed => anyhow!("{host}; {firmware}"),
            (Some(host), Some(firmware)) => anyhow!("{firmware}; the host: {host}"),
            (Some(host), None) => anyhow!("{host}"),
            (None, Some(firmware)) => anyhow!("{firmware}"),
            (None, None) => anyhow!("host and firmware both hang"),
        }
    }
}

/// The running `host-trainer hil`, which is killed when this value is dropped.
struct Host {
    child: Child,
    readers: Option<(Reader, Reader)>,
}

type Reader = thread::JoinHandle<String>;

impl Host {
    fn new(mut child: Child) -> Self {
        // Read while it runs: a full pipe would stop it.
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        Self { child, readers: stdout.zip(stderr) }
    }

    /// Kills it if it still runs, and returns standard output and standard error.
    fn finish(mut self) -> Result<(String, String)> {
        self.kill();
        let (stdout, stderr) = self.readers.take().context("host-trainer has no output")?;
        let join =
            |reader: Reader| reader.join().map_err(|_| anyhow!("reading host-trainer's output"));
        Ok((join(stdout)?, join(stderr)?))
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> Reader {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // On an error, what was read before is returned.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_failure_quotes_both_programs() {
        let exit = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let lines = [Line { level: "ERROR".into(), message: "image refused: damaged".into() }];
        let boot = Ended { host: None, firmware: exit(2) };
        let text = boot.explain(&lines, "", "").to_string();
        assert_eq!(text, "the firmware stopped (exit status: 2): image refused: damaged");
        let both = Ended { host: exit(1), firmware: exit(5) };
        let text = both.explain(&[], "error: hung up\n", "qemu: fatal\nR00=0").to_string();
        assert_eq!(text, "the firmware stopped (exit status: 5): qemu: fatal; the host: hung up");
        let first = Ended { host: exit(1), firmware: exit(4) };
        let text = first.explain(&[], "error: no task\n", "closed").to_string();
        assert_eq!(text, "no task; the firmware stopped (exit status: 4): closed");
        let host = Ended { host: exit(1), firmware: None };
        assert_eq!(host.explain(&[], "error: no task\n", "").to_string(), "no task");
    }
}
