//! `cargo xtask emulate IMAGE`: whole episodes of the simulator, controlled by the firmware in an
//! emulated microcontroller, and every action held against the host's.

pub(crate) mod boot;
pub(crate) mod firmware;
mod log;
pub(crate) mod qemu;
pub(crate) mod report;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::host::HostTrainer;
use crate::project::Project;
use crate::report::{Step, say};
use crate::run;
use crate::setup;
use crate::setup::place::explain;
use firmware::{Elf, Machine};
use log::{Decoder, Line};
use qemu::{Bench, Emulator};
use report::Report;

/// How long one side may outlive the other: it has only to end.
const GRACE: Duration = Duration::from_secs(5);

/// What to drive, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    image: PathBuf,
    /// Number of episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    episodes: u32,
    /// Seed of the starts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show the firmware's log
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the command.
///
/// # Errors
/// One line; the reason that the firmware gave is in it.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    setup::quietly(project)?;
    let host = HostTrainer::build(project)?;
    let what = Drive {
        image: &arguments.image,
        episodes: arguments.episodes,
        seed: arguments.seed,
        verbose: arguments.verbose,
    };
    let (text, report) = what.run(project, &host)?;
    if arguments.json {
        print!("{text}");
    } else {
        println!("{}", report.table());
    }
    Ok(())
}

/// One emulation.
pub(crate) struct Drive<'a> {
    pub(crate) image: &'a Path,
    pub(crate) episodes: u32,
    pub(crate) seed: u64,
    pub(crate) verbose: bool,
}

impl Drive<'_> {
    /// Builds, boots and drives; returns the JSON text and what it says.
    ///
    /// # Errors
    /// When the image is refused, the firmware stops or the two do not come to an end.
    pub(crate) fn run(&self, project: &Project, host: &HostTrainer) -> Result<(String, Report)> {
        // The trainer runs in the checkout, wherever the user is.
        let image = &self.image.canonicalize().map_err(|error| explain(error, self.image))?;
        host.check_image(project, image)?;
        let elf = Elf::build(project, Machine::Emulator, Some(image))?;
        let decoder = Decoder::build(project)?;
        let bench = Bench::new()?;
        let (request, reply) = bench.pipes()?;
        let mut emulator = bench.start(elf.bytes(), None)?;

        let mut command = host.command(project);
        command.arg("drive").arg(image).arg("--request").arg(request).arg("--reply").arg(reply);
        command.args(["--episodes", &self.episodes.to_string(), "--seed", &self.seed.to_string()]);
        command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        run::die_with_parent(&mut command);
        // On Ctrl-C both end, and this function tidies up after them.
        let _patience = run::LeaveInterrupts::to_children();
        let step = Step::spinner(format!("driving {} episodes", self.episodes));
        let child = command.spawn().map_err(|error| run::not_started(&command, &error))?;
        let mut driver = Driver::new(child);
        let outcome = watch(&mut emulator, &mut driver)?;
        let lines = emulator.log(&decoder)?;
        let (text, errors) = driver.finish()?;
        match outcome {
            Outcome::Done => {}
            outcome => return Err(explain_failure(&outcome, &lines, &errors, &emulator)),
        }
        step.done();
        if self.verbose {
            lines.iter().for_each(|line| say(line.to_string()));
        }
        let report = serde_json::from_str(&text)
            .with_context(|| "host-trainer drive printed no report".to_owned())?;
        Ok((text, report))
    }
}

/// How the two programs ended.
#[derive(Debug)]
enum Outcome {
    /// Both in order.
    Done,
    /// The firmware stopped; the driver was cut off.
    FirmwareStopped(ExitStatus),
    /// The driver failed.
    DriverFailed,
}

/// Waits for both programs. Whichever ends first, the other cannot go on without it.
fn watch(emulator: &mut Emulator, driver: &mut Driver) -> Result<Outcome> {
    let mut stopped: Option<(ExitStatus, Instant)> = None;
    loop {
        if let Some(status) = driver.child.try_wait().context("waiting for host-trainer")? {
            return Ok(match (status.success(), stopped) {
                (true, _) => Outcome::Done,
                (false, Some((firmware, _))) if !firmware.success() => {
                    Outcome::FirmwareStopped(firmware)
                }
                (false, _) => settle(emulator)?,
            });
        }
        if stopped.is_none() {
            stopped = emulator.ended()?.map(|status| (status, Instant::now()));
        }
        if let Some((status, since)) = stopped
            && since.elapsed() > GRACE
        {
            return Ok(Outcome::FirmwareStopped(status));
        }
        // A firmware that stopped at boot leaves the driver waiting at a pipe that nobody opens.
        if let Some((status, since)) = stopped
            && !status.success()
            && since.elapsed() > GRACE / 10
        {
            return Ok(Outcome::FirmwareStopped(status));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The driver failed: was it because the firmware stopped?
fn settle(emulator: &mut Emulator) -> Result<Outcome> {
    let start = Instant::now();
    while start.elapsed() < GRACE / 10 {
        if let Some(status) = emulator.ended()?
            && !status.success()
        {
            return Ok(Outcome::FirmwareStopped(status));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(Outcome::DriverFailed)
}

/// One line, with the firmware's own reason first; its log goes before it.
fn explain_failure(
    outcome: &Outcome,
    lines: &[Line],
    errors: &str,
    emulator: &Emulator,
) -> anyhow::Error {
    lines.iter().for_each(|line| say(format!("firmware: {line}")));
    let driver = run::last_line(errors.as_bytes());
    let driver = driver.trim_start_matches("error: ");
    match (outcome, log::reason(lines)) {
        (Outcome::FirmwareStopped(status), Some(reason)) => {
            anyhow!("the firmware stopped ({status}): {reason}")
        }
        (Outcome::FirmwareStopped(status), None) => {
            let complaints = emulator.complaints();
            let line = run::last_line(complaints.as_bytes());
            anyhow!("the firmware stopped ({status}) and said nothing; qemu-system-arm: {line}")
        }
        // The firmware loses its link because the driver went: its complaint explains nothing.
        _ if errors.is_empty() => anyhow!("interrupted"),
        _ => anyhow!("{driver}"),
    }
}

/// The running `host-trainer drive`; it ends when this value does.
struct Driver {
    child: Child,
    readers: Option<(Reader, Reader)>,
}

type Reader = thread::JoinHandle<String>;

impl Driver {
    fn new(mut child: Child) -> Self {
        // Read meanwhile: a full pipe would stop it.
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        Self { child, readers: stdout.zip(stderr) }
    }

    /// Ends it if it still runs, and returns its output and its messages.
    fn finish(mut self) -> Result<(String, String)> {
        self.stop();
        let (stdout, stderr) = self.readers.take().context("host-trainer without output")?;
        let join =
            |reader: Reader| reader.join().map_err(|_| anyhow!("reading host-trainer's output"));
        Ok((join(stdout)?, join(stderr)?))
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> Reader {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
