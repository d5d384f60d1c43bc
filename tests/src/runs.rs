//! Runs of a few seconds, and what must be equal in two of them.

use crate::{SMALL_RUN, host_trainer};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A run of a few seconds that saves after every update.
#[must_use]
pub fn train(folder: &Path, name: &str, decisions: u64) -> Command {
    let mut command = host_trainer(folder);
    command.arg("train").args(SMALL_RUN).args(["--decisions", &decisions.to_string()]);
    command.args(["--checkpoint-every", "0", "--quiet", "--run-dir", name]);
    command
}

/// Checkpoints of a run with their iterations, oldest first.
///
/// # Panics
/// When they cannot be listed.
#[must_use]
pub fn checkpoints(folder: &Path, name: &str) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder.join(name).join("checkpoints")).into_iter().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
        .collect();
    found.sort();
    found
}

/// Everything in which two runs must not differ: metrics, image, and the newest checkpoint but for its
/// manifest, which follows from it.
///
/// # Panics
/// When one of them is missing.
#[must_use]
pub fn everything(folder: &Path, name: &str) -> Vec<(&'static str, Vec<u8>)> {
    let place = folder.join(name);
    let newest = checkpoints(folder, name).pop().unwrap().1;
    vec![
        ("metrics", fs::read(place.join("metrics.csv")).unwrap()),
        ("image", fs::read(place.join("policy.daa")).unwrap()),
        ("weights", fs::read(newest.join("weights.safetensors")).unwrap()),
        ("state", fs::read(newest.join("state.bin")).unwrap()),
        ("best", fs::read(place.join("checkpoints/best.json")).unwrap()),
    ]
}

/// Compares [`everything`] of two runs.
///
/// # Panics
/// Where they differ.
pub fn assert_same(folder: &Path, a: &str, b: &str) {
    for ((what, ours), (_, theirs)) in everything(folder, a).iter().zip(everything(folder, b)) {
        assert!(*ours == theirs, "{what} of {a} and {b} differ");
    }
}
