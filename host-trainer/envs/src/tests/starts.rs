//! The distribution of starts against Python dm_control's.
//!
//! For each coordinate of the state, and of the model where an episode edits it, a two-sample
//! Kolmogorov-Smirnov test. All tests of the suite together may fail by chance with
//! [`FAMILY_ERROR`]; with the Bonferroni correction for `COORDINATES` tests a single one may with
//! their quotient, which makes the threshold of the distance 2.7 sqrt(1/n + 1/m): 0.085 for 2000
//! against 2000 starts, 0.20 for 200 against 2000.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{SHIFT, recorded};
use crate::{Environment, all, find};

/// Chance that any coordinate of any task fails although the distributions are equal.
const FAMILY_ERROR: f64 = 1e-3;

/// More coordinates than all tasks together have.
const COORDINATES: f64 = 1000.0;

/// Starts drawn here.
const STARTS: usize = 2000;

#[derive(Deserialize)]
struct Recorded {
    task: String,
    resets: usize,
    coordinates: BTreeMap<String, Column>,
}

/// A coordinate's values, or its only one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Column {
    Constant(f64),
    Values(Vec<f64>),
}

/// Greatest distance of the two samples' distribution functions.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (mut i, mut j, mut greatest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        greatest = greatest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    greatest
}

fn threshold(n: usize, m: usize) -> f64 {
    let alpha = FAMILY_ERROR / COORDINATES;
    (-(alpha / 2.0).ln() / 2.0).sqrt() * (1.0 / n as f64 + 1.0 / m as f64).sqrt()
}

/// Starts of a task, by the recording's names of the coordinates.
fn starts(task: &str, count: usize) -> BTreeMap<String, Vec<f64>> {
    let mut environment = Environment::new(find(task).unwrap(), 4, 2024, 0).unwrap();
    let (nq, nv) = environment.coordinates();
    let mut observation = vec![0.0; environment.task().observations.len()];
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..count {
        environment.reset(&mut observation).unwrap();
        let state = environment.save();
        // The state begins with the time, the positions and the velocities.
        let (qpos, rest) = state.integration[1..].split_at(nq);
        let mut arrays = vec![("qpos", qpos), ("qvel", &rest[..nv])];
        arrays.extend(state.model.iter().map(|(field, values)| (field.name(), &values[..])));
        for (array, values) in arrays {
            for (index, value) in values.iter().enumerate() {
                columns.entry(format!("{array}[{index}]")).or_default().push(*value);
            }
        }
    }
    columns
}

/// Coordinates that fail, with the worst distance in units of its threshold.
fn failures(recorded: &Recorded, count: usize) -> (Vec<String>, f64) {
    let ours = starts(&recorded.task, count);
    let mut failed = Vec::new();
    let mut worst = 0.0_f64;
    for (name, theirs) in &recorded.coordinates {
        let values = &ours[name];
        let ratio = match theirs {
            Column::Values(theirs) => {
                assert_eq!(theirs.len(), recorded.resets);
                distance(values, theirs) / threshold(values.len(), theirs.len())
            }
            // Recordings are rounded to five digits.
            Column::Constant(only) => values
                .iter()
                .map(|value| (value - only).abs() / (1e-4 * only.abs().max(1e-4)))
                .fold(0.0, f64::max),
        };
        worst = worst.max(ratio);
        if ratio > 1.0 {
            failed.push(name.clone());
        }
    }
    (failed, worst)
}

fn read(path: &Path) -> Recorded {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn starts_are_distributed_as_in_dm_control() {
    for path in recorded("starts") {
        let (failed, worst) = failures(&read(&path), STARTS);
        assert!(failed.is_empty(), "{}: {failed:?}", path.display());
        println!("{}: {worst:.2} of the threshold", path.display());
    }
}

#[test]
fn every_domain_has_recorded_starts() {
    let files = recorded("starts");
    for task in all() {
        let domain = task.name.split('-').next().unwrap();
        let recorded = |path: &std::path::PathBuf| read(path).task.starts_with(domain);
        assert!(files.iter().any(recorded), "{domain}");
    }
}

#[test]
fn a_shifted_range_fails() {
    for path in recorded("starts") {
        SHIFT.set(0.4);
        let (failed, _) = failures(&read(&path), STARTS / 2);
        SHIFT.set(0.0);
        assert!(!failed.is_empty(), "{}", path.display());
    }
}

#[test]
fn the_distance_is_that_of_the_textbook() {
    assert_eq!(distance(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 4.0]), 0.0);
    assert_eq!(distance(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
    // At 2: 1/2 against 0; at 3: 1/2 against 1.
    assert_eq!(distance(&[1.0, 2.0, 5.0, 6.0], &[3.0, 3.0]), 0.5);
    assert!((threshold(2000, 2000) - 0.0852).abs() < 1e-4);
}
