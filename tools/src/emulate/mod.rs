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

use anyhow::{Context, Result, anyhow, bail};

use crate::host::HostTrainer;
use crate::project::Project;
use crate::report::{Step, say};
use crate::run;
use crate::setup;
use crate::setup::place::explain;
use firmware::{Elf, Kernels, Machine};
use log::{Decoder, Line};
use qemu::{Bench, Emulator};
use report::Report;

/// How long one side may outlive the other, which has hung up on it: on a busy machine it still says why it
/// ends, and one that hangs is not waited for.
const GRACE: Duration = Duration::from_secs(120);

/// Bytes of anything that is read whole.
const LARGEST: u64 = 1 << 30;

/// The exit status of a firmware whose link was closed.
const LINK_CLOSED: i32 = 4;

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
    /// Act with the best of so many sampled actions, by their imagined advantages (4, 8, 16)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    best_of: Option<u8>,
    /// With --best-of: the mean of all, weighted by their advantages
    #[arg(long, value_name = "TEMPERATURE", requires = "best_of", value_parser = temperature)]
    softmax: Option<f32>,
    /// With --best-of: begin no candidate after so many instructions
    #[arg(long, value_name = "INSTRUCTIONS", requires = "best_of", value_parser = clap::value_parser!(u32).range(1..))]
    budget: Option<u32>,
    /// With --best-of: only report the advantages
    #[arg(long, requires = "best_of")]
    telemetry: bool,
    #[command(flatten)]
    kernels: Kernels,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show the firmware's log
    #[arg(short, long)]
    verbose: bool,
    /// TOML of the task, where it is one of your own and its copy in the run is gone
    #[arg(long, value_name = "TOML")]
    task_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// One line; the reason that the firmware gave is in it.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let image = existing(&arguments.image)?;
    setup::quietly(project)?;
    let host = HostTrainer::build(project)?;
    let task_file = arguments.task_file.as_deref().map(existing).transpose()?;
    let what = Drive {
        image: &image,
        episodes: arguments.episodes,
        seed: arguments.seed,
        verbose: arguments.verbose,
        task_file: task_file.as_deref(),
        planning: &arguments.planning(),
        kernels: arguments.kernels,
    };
    let (text, report) = what.run(project, &host)?;
    if arguments.json {
        print!("{text}");
    } else {
        println!("{}", report.table());
    }
    Ok(())
}

impl Arguments {
    /// What of it `host-trainer drive` is to know.
    fn planning(&self) -> Vec<String> {
        let mut planning = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            planning.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
        };
        option("best-of", self.best_of.map(|value| value.to_string()));
        option("softmax", self.softmax.map(|value| value.to_string()));
        option("budget", self.budget.map(|value| value.to_string()));
        planning.extend(self.telemetry.then(|| "--telemetry".to_owned()));
        planning
    }
}

/// Returns the absolute path of an image: the trainer and the firmware's build run in other folders
/// than the user. A device has no end and a pipe may never begin, so it is a regular file.
pub(crate) fn existing(image: &Path) -> Result<PathBuf> {
    let path = image.canonicalize().map_err(|error| explain(error, image))?;
    let about = path.metadata().map_err(|error| explain(error, image))?;
    if !about.is_file() {
        let what = if about.is_dir() { "it is a folder" } else { "it is no regular file" };
        bail!("{}: {what}", image.display());
    }
    if about.len() > LARGEST {
        let len = about.len();
        bail!("{} has {len} bytes, and {LARGEST} would be many", image.display());
    }
    Ok(path)
}

/// A temperature to weight with.
fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value: &f32| value.is_finite() && *value > 0.0);
    value.ok_or_else(|| "it is a number above 0".to_owned())
}

/// One emulation.
pub(crate) struct Drive<'a> {
    /// Absolute.
    pub(crate) image: &'a Path,
    pub(crate) episodes: u32,
    pub(crate) seed: u64,
    pub(crate) verbose: bool,
    /// Absolute.
    pub(crate) task_file: Option<&'a Path>,
    /// Further options of `host-trainer drive`.
    pub(crate) planning: &'a [String],
    pub(crate) kernels: Kernels,
}

impl Drive<'_> {
    /// Builds, boots and drives; returns the JSON text and what it says.
    ///
    /// # Errors
    /// When the image is refused, the firmware stops or the two do not come to an end.
    pub(crate) fn run(&self, project: &Project, host: &HostTrainer) -> Result<(String, Report)> {
        let image = self.image;
        host.check_image(project, image)?;
        let elf = Elf::build(project, Machine::Emulator, self.kernels, Some(image))?;
        let decoder = Decoder::build(project)?;
        let bench = Bench::new()?;
        let (request, reply) = bench.pipes()?;
        let mut emulator = bench.start(elf.bytes(), None)?;

        let mut command = host.command(project);
        if let Some(file) = self.task_file {
            command.arg("--task-file").arg(file);
        }
        command.arg("drive").arg(image).arg("--request").arg(request).arg("--reply").arg(reply);
        command.args(["--episodes", &self.episodes.to_string(), "--seed", &self.seed.to_string()]);
        command.args(self.planning);
        command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        run::die_with_parent(&mut command);
        // On Ctrl-C both end, and this function tidies up after them.
        let _patience = run::LeaveInterrupts::to_children();
        let step = Step::spinner(format!("driving {} episodes", self.episodes));
        let child = command.spawn().map_err(|error| run::not_started(&command, &error))?;
        let mut driver = Driver::new(child);
        let ended = watch(&bench, &mut emulator, &mut driver)?;
        let lines = emulator.log(&decoder)?;
        let (text, errors) = driver.finish()?;
        if !ended.driver.is_some_and(|status| status.success()) {
            return Err(ended.explain(&lines, &errors, &emulator.complaints()));
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

/// How the two programs ended; none where one was still running.
#[derive(Debug, Clone, Copy)]
struct Ended {
    driver: Option<ExitStatus>,
    firmware: Option<ExitStatus>,
}

/// Waits for both programs. When one has failed, the other finds the link closed and ends by itself, with its
/// own words: also one that waits at a pipe that the first has not opened.
fn watch(bench: &Bench, emulator: &mut Emulator, driver: &mut Driver) -> Result<Ended> {
    let mut since: Option<Instant> = None;
    loop {
        let ended = Ended {
            driver: driver.child.try_wait().context("waiting for host-trainer")?,
            firmware: emulator.ended()?,
        };
        let both = ended.driver.is_some() && ended.firmware.is_some();
        let success = ended.driver.is_some_and(|status| status.success());
        if both || success || since.is_some_and(|since| since.elapsed() > GRACE) {
            return Ok(ended);
        }
        if ended.driver.is_some() || ended.firmware.is_some() {
            since.get_or_insert_with(Instant::now);
            bench.hang_up();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Ended {
    /// One line with what both sides said last; the firmware's log goes before it.
    fn explain(&self, lines: &[Line], errors: &str, complaints: &str) -> anyhow::Error {
        lines.iter().for_each(|line| say(format!("firmware: {line}")));
        let driver = self.driver.map(|status| {
            let line = run::last_line(errors.as_bytes());
            let silent = errors.trim().is_empty();
            if silent { status.to_string() } else { line.trim_start_matches("error: ").to_owned() }
        });
        let firmware = self.firmware.map(|status| {
            // Behind its reason QEMU writes all registers.
            let fatal = complaints.lines().find(|line| line.contains("fatal"));
            let last = fatal.or_else(|| complaints.lines().last());
            let reason = log::reason(lines).or(last).unwrap_or("it said nothing");
            format!("the firmware stopped ({status}): {reason}")
        });
        // Then the cause is on the driver's side.
        let link_closed = self.firmware.and_then(|status| status.code()) == Some(LINK_CLOSED);
        match (driver, firmware) {
            (Some(driver), Some(firmware)) if link_closed => anyhow!("{driver}; {firmware}"),
            (Some(driver), Some(firmware)) => anyhow!("{firmware}; the driver: {driver}"),
            (Some(driver), None) => anyhow!("{driver}"),
            (None, Some(firmware)) => anyhow!("{firmware}"),
            (None, None) => anyhow!("neither side went on"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_failure_names_what_both_sides_said() {
        let exit = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let lines = [Line { level: "ERROR".into(), message: "image refused: damaged".into() }];
        let boot = Ended { driver: None, firmware: exit(2) };
        let text = boot.explain(&lines, "", "").to_string();
        assert_eq!(text, "the firmware stopped (exit status: 2): image refused: damaged");
        let both = Ended { driver: exit(1), firmware: exit(5) };
        let text = both.explain(&[], "error: hung up\n", "qemu: fatal\nR00=0").to_string();
        assert_eq!(text, "the firmware stopped (exit status: 5): qemu: fatal; the driver: hung up");
        let first = Ended { driver: exit(1), firmware: exit(4) };
        let text = first.explain(&[], "error: no task\n", "closed").to_string();
        assert_eq!(text, "no task; the firmware stopped (exit status: 4): closed");
        let driver = Ended { driver: exit(1), firmware: None };
        assert_eq!(driver.explain(&[], "error: no task\n", "").to_string(), "no task");
    }
}
