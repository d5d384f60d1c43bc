//! Training runs that tests kill, and what two of them must have in common.

use crate::{Outcome, SMALL_RUN, host_trainer};
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Decisions of one iteration of [`SMALL_RUN`].
pub const ITERATION: u64 = 2048;

/// A run of so many iterations in `folder/name` that saves after each.
#[must_use]
pub fn train(folder: &Path, name: &str, iterations: u64) -> Command {
    let mut command = host_trainer(folder);
    command.arg("train").args(SMALL_RUN);
    command.args(["--decisions", &(iterations * ITERATION).to_string()]);
    command.args(["--checkpoint-every", "0", "--quiet", "--run-dir", name]);
    command
}

/// Checkpoints of a run that have their names, oldest first.
#[must_use]
pub fn checkpoints(folder: &Path, name: &str) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder.join(name).join("checkpoints")).into_iter().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
        .collect();
    found.sort();
    found
}

/// Names of what is hidden in a folder: files and checkpoints that were never finished.
#[must_use]
pub fn hidden(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

/// Everything in which two runs must not differ: metrics, advice, images, and the newest checkpoint but
/// for its manifest, which follows from it.
#[must_use]
pub fn everything(folder: &Path, name: &str) -> Vec<(String, Vec<u8>)> {
    let place = folder.join(name);
    let newest = checkpoints(folder, name).pop().expect("there is a checkpoint").1;
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes)
    };
    let mut names: Vec<_> = fs::read_dir(&place)
        .expect("there is the run")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "daa"))
        .collect();
    names.push(place.join("metrics.csv"));
    names.extend(Some(place.join("advice.csv")).filter(|path| path.exists()));
    names.push(place.join("checkpoints/best.json"));
    names.push(newest.join("weights.safetensors"));
    names.push(newest.join("state.bin"));
    names.sort();
    names.into_iter().map(read).collect()
}

/// The first file in which two runs differ.
#[must_use]
pub fn difference(folder: &Path, a: &str, b: &str) -> Option<String> {
    let (a, b) = (everything(folder, a), everything(folder, b));
    let names = |run: &[(String, _)]| run.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b), "other files");
    let other = a.iter().zip(&b).find(|(ours, theirs)| ours.1 != theirs.1);
    other.map(|(ours, _)| ours.0.clone())
}

/// Iterations that a run has on record, with one seed.
#[must_use]
pub fn iterations(folder: &Path, name: &str) -> u64 {
    let metrics = fs::read_to_string(folder.join(name).join("metrics.csv")).unwrap_or_default();
    // What is being written may end anywhere.
    let whole = metrics.rfind('\n').map_or("", |end| &metrics[..end]);
    let last = whole.lines().last().and_then(|line| line.split(',').next()?.parse().ok());
    last.unwrap_or(0)
}

/// A training run that cannot get ahead of the test, however busy the machine is.
///
/// After each iteration the run prints a line of about a kilobyte into a pipe that holds one page. Before
/// the first call of [`reach`](Self::reach) the pipe is full, so that the run stops at its first line; after
/// the call it stops at most [`LEAD`] iterations behind the wanted one. A dropped run is killed.
#[derive(Debug)]
pub struct PacedRun {
    child: Child,
    lines: BufReader<PipeReader>,
    /// The newest iteration whose line was read.
    seen: u64,
}

/// Iterations on record beyond the one that a [`PacedRun`] was to reach: three lines in the pipe, one that
/// waits to be written.
pub const LEAD: u64 = 4;

/// Bytes of a pipe of one page, the smallest that there is.
const PAGE: usize = 4096;

impl PacedRun {
    /// Starts a run that prints JSON.
    ///
    /// # Panics
    /// When the program does not start.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let (reader, mut writer) = std::io::pipe().expect("there are pipes");
        rustix::pipe::fcntl_setpipe_size(&writer, PAGE).expect("a pipe can be one page");
        // The last byte ends a line that holds no iteration.
        let mut filler = [b' '; PAGE];
        filler[PAGE - 1] = b'\n';
        writer.write_all(&filler).expect("the pipe is empty");
        command.arg("--json").stdout(writer);
        let child = command.spawn().expect("the program starts");
        // A larger buffer would let the run go on by what it holds.
        Self { child, lines: BufReader::with_capacity(1, reader), seen: 0 }
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until an iteration is on record, with the checkpoint before it saved.
    ///
    /// # Panics
    /// When the run ends before.
    pub fn reach(&mut self, iteration: u64) {
        while self.seen < iteration {
            let mut line = String::new();
            let count = self.lines.read_line(&mut line).expect("the pipe is open");
            assert!(count > 0, "the run ended after iteration {}, not {iteration}", self.seen);
            let line = serde_json::from_str(&line).unwrap_or(serde_json::Value::Null);
            self.seen = line["iteration"].as_u64().unwrap_or(self.seen);
        }
    }

    /// Ends the run without a chance to clean up.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(mut self) {
        let over = self.child.try_wait().expect("it is our child");
        assert!(over.is_none(), "the run was over before it was killed: {over:?}");
    }

    /// Lets the run go on to its end; its exit code, and its messages where standard error is a pipe.
    ///
    /// # Panics
    /// When a signal ended it.
    pub fn end(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.lines.read_to_string(&mut stdout).expect("it prints text");
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).expect("it prints text");
        }
        let status = self.child.wait().expect("it is our child");
        Outcome { code: status.code().expect("no signal"), stdout, stderr }
    }
}

impl Drop for PacedRun {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a run when an iteration is on record.
///
/// # Panics
/// When the run ends before.
pub fn kill_at(iteration: u64, command: Command) {
    let mut run = PacedRun::start(command);
    run.reach(iteration);
    run.kill();
}

/// Waits until something holds.
///
/// # Panics
/// When it does not hold after ten minutes: no machine is that busy.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(600), "not in ten minutes: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// A sequence of shares, 0 to 1, that is the same every time.
#[derive(Clone, Debug)]
pub struct Shares(u64);

impl Shares {
    /// From its beginning.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(0x2545_f491_4f6c_dd1d ^ seed)
    }

    /// The next one.
    pub fn draw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// Kills a run of so many iterations exactly so many times, at moments spread over its iterations, and then
/// lets it end. Every fourth kill falls into the start, before anything new is saved. Returns the newest
/// checkpoint after each kill.
///
/// # Panics
/// When so many kills do not fit into so many iterations.
#[must_use]
pub fn interrupt(
    command: impl Fn() -> Command,
    folder: &Path,
    name: &str,
    iterations: u64,
    kills: u64,
) -> Vec<u64> {
    let wanted = |number: u64| 1 + number * iterations * 4 / 5 / kills;
    assert!(wanted(kills - 1) + LEAD < iterations, "the run would end before the last kill");
    let newest = || checkpoints(folder, name).last().map_or(0, |(iteration, _)| *iteration);
    let mut shares = Shares::new(kills);
    let mut left = Vec::new();
    for number in 0..kills {
        let mut run = PacedRun::start(command());
        // Where the run stands after this time differs from machine to machine, and may.
        let mut most = Duration::from_millis(60);
        if number % 4 == 3 {
            most = Duration::from_millis(300);
        } else if wanted(number) > newest() {
            run.reach(wanted(number));
        }
        std::thread::sleep(most.mul_f64(shares.draw()));
        run.kill();
        left.push(newest());
    }
    let _ = crate::succeed(&mut command());
    left
}
