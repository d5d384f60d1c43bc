//! Training runs that tests kill, and what two of them must have in common.

use crate::{SMALL_RUN, host_trainer};
use std::fs;
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

/// Waits until a run that goes on has so many iterations on record; false where it ends before.
pub fn reach(child: &mut Child, folder: &Path, name: &str, wanted: u64) -> bool {
    let begun = Instant::now();
    while iterations(folder, name) < wanted {
        if child.try_wait().expect("it is our child").is_some() {
            return false;
        }
        assert!(begun.elapsed() < Duration::from_secs(240), "{name} does not come forward");
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Ends a process without a chance to clean up.
pub fn kill(child: &mut Child) {
    child.kill().expect("it is our child");
    let _ = child.wait().expect("it is our child");
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

/// Kills a run of so many iterations exactly so many times, at moments spread from its first to its last
/// iterations, and then lets it end. Every fourth kill falls into the start, before anything new is
/// on record. The checkpoint that each kill left.
#[must_use]
pub fn interrupt(
    command: impl Fn() -> Command,
    folder: &Path,
    name: &str,
    iterations: u64,
    kills: u64,
) -> Vec<u64> {
    let mut shares = Shares::new(kills);
    // Both are measured on the way, as a machine is as fast as it is.
    let (mut start, mut iteration) = (Duration::from_millis(300), Duration::from_millis(60));
    let mut left = Vec::new();
    for number in 0..kills {
        let before = self::iterations(folder, name);
        let begun = Instant::now();
        let mut child = command().spawn().expect("the program starts");
        if number % 4 == 3 {
            std::thread::sleep(start.mul_f64(shares.draw()));
        } else {
            // The last fifth is left: however late this process wakes up, the run is not over.
            let wanted = 1 + number * iterations * 4 / 5 / kills;
            if wanted > before && reach(&mut child, folder, name, before + 1) {
                start = begun.elapsed();
                if reach(&mut child, folder, name, wanted) && wanted > before + 1 {
                    iteration = (begun.elapsed() - start) / (wanted - before - 1) as u32;
                }
            }
            std::thread::sleep(iteration.mul_f64(shares.draw()));
        }
        let over = child.try_wait().expect("it is our child");
        assert!(over.is_none(), "{name} was over after {number} kills: {over:?}, {left:?}");
        kill(&mut child);
        left.push(checkpoints(folder, name).last().map_or(0, |(iteration, _)| *iteration));
    }
    let _ = crate::succeed(&mut command());
    left
}
