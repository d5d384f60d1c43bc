//! Whole tasks: against Python dm_control, saved and restored, driven to their limits.

mod episodes;
mod parity;
mod ranges;
mod requests;
mod starts;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use crate::Random;
use crate::{Environment, Task};

thread_local! {
    static MARGIN: Cell<f64> = const { Cell::new(1.0) };
    static SHIFT: Cell<f64> = const { Cell::new(0.0) };
}

/// Factor on every margin of `tolerance`: other than 1 only while a test plants a fault.
pub(crate) fn planted_margin() -> f64 {
    MARGIN.get()
}

/// Shift of every random number, in widths of its range or, twice as far, standard deviations:
/// other than 0 only while a test plants a fault.
pub(crate) fn planted_shift() -> f64 {
    SHIFT.get()
}

/// JSON files of the committed folder `kind` of recordings, and of the full set where
/// `cargo xtask record` has made one.
fn recorded(kind: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let committed = root.join("tests/recordings");
    let full = Some(root.join(".deps/recordings")).filter(|folder| folder.is_dir());
    let mut paths: Vec<_> = std::iter::once(committed)
        .chain(full)
        .map(|folder| folder.join(kind))
        .flat_map(|folder| std::fs::read_dir(folder).expect("the folder holds recordings"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Random actions, uniform or bang-bang, each held for a random number of decisions.
struct Babble {
    random: Random,
    action: Vec<f64>,
    left: u32,
}

impl Babble {
    fn new(task: &Task, seed: u64) -> Self {
        Self { random: Random::new(seed, 99), action: vec![0.0; task.actions.len()], left: 0 }
    }

    fn act(&mut self) -> &[f64] {
        if self.left == 0 {
            let bang = self.random.uniform(0.0, 1.0) < 0.7;
            self.left = self.random.uniform(1.0, 30.0) as u32;
            for value in &mut self.action {
                *value = self.random.uniform(-1.0, 1.0);
                if bang {
                    *value = value.signum();
                }
            }
        }
        self.left -= 1;
        &self.action
    }
}

fn fresh(task: &'static Task, seed: u64, stream: u64) -> Environment {
    let mut environment = Environment::new(task, 4, seed, stream).unwrap();
    let mut observation = vec![0.0; task.observations.len()];
    environment.reset(&mut observation).unwrap();
    environment
}
