//! Comparison with the statistics of Python's `rliable` on the same scores (`tools/rliable_reference.py` writes
//! `rliable.json`).

use super::bootstrap::{Bootstrap, Estimate};
use super::statistics::{area, iqm, mean, pooled, probability_of_improvement, share_above};
use serde_json::Value;

type Scores = Vec<Vec<f64>>;

fn reference() -> Value {
    serde_json::from_str(include_str!("rliable.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Scores {
    value.as_array().unwrap().iter().map(numbers).collect()
}

const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 10_000, seed: 1 };

/// Checks that two point estimates are equal apart from rounding.
fn same(ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() < 1e-9, "{ours} and rliable's {theirs}");
}

/// Whether both ends of an interval are at most 6 % of its length from those of rliable. Both intervals are
/// computed from random draws.
fn close(ours: Estimate, theirs: &[f64]) -> bool {
    let tolerance = 0.06 * (theirs[1] - theirs[0]);
    let ours = ours.interval.unwrap();
    ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn aggregates_are_those_of_rliable() {
    let reference = reference();
    for name in ["ours", "theirs"] {
        let scores = rows(&reference[name]);
        for (what, statistic) in [("mean", mean as fn(&[f64]) -> f64), ("iqm", iqm)] {
            let estimate = BOOTSTRAP.estimate(&scores, |scores| pooled(scores, statistic));
            same(estimate.value, &reference[format!("{name}_{what}")]);
            let theirs = numbers(&reference[format!("{name}_{what}_interval")]);
            assert!(close(estimate, &theirs), "{name} {what}: {estimate:?}, rliable {theirs:?}");
            // The control: without strata the interval differs.
            let pool = [scores.concat()];
            let unstratified = BOOTSTRAP.estimate(&pool, |scores| pooled(scores, statistic));
            assert!(!close(unstratified, &theirs), "{name} {what}: strata change nothing");
        }
        for (seeds, theirs) in
            scores.iter().zip(reference[format!("{name}_task_iqm")].as_array().unwrap())
        {
            same(iqm(seeds), theirs);
        }
    }
}

#[test]
fn profiles_are_those_of_rliable() {
    let reference = reference();
    let thresholds = numbers(&reference["thresholds"]);
    for name in ["ours", "theirs"] {
        let scores = rows(&reference[name]);
        let profile = |scores: &[Vec<f64>], _: &[Vec<f64>]| {
            thresholds.iter().map(|threshold| share_above(scores, *threshold)).collect()
        };
        let estimates = BOOTSTRAP.estimates(&scores, &[], profile);
        let theirs = reference[format!("{name}_profile")].as_array().unwrap();
        let intervals = rows(&reference[format!("{name}_profile_intervals")]);
        assert_eq!((estimates.len(), theirs.len(), intervals.len()), (9, 9, 9));
        for ((estimate, theirs), interval) in estimates.iter().zip(theirs).zip(&intervals) {
            same(estimate.value, theirs);
            // Shares are multiples of 1/63: an end may be the neighbouring multiple of rliable's end.
            let ends = estimate.interval.unwrap();
            let near = ends.iter().zip(interval).all(|(a, b)| (a - b).abs() < 1.01 / 63.0);
            assert!(near, "{name}: {ends:?}, rliable {interval:?}");
        }
    }
}

#[test]
fn the_probability_of_improvement_is_that_of_rliable() {
    let reference = reference();
    let (ours, theirs) = (rows(&reference["ours"]), rows(&reference["theirs"]));
    let estimate = BOOTSTRAP.estimate_pair(&ours, &theirs, probability_of_improvement);
    same(estimate.value, &reference["improvement"]);
    let interval = numbers(&reference["improvement_interval"]);
    assert!(close(estimate, &interval), "{estimate:?}, rliable {interval:?}");
    let few: Scores = ours.iter().map(|seeds| seeds[..4].to_vec()).collect();
    same(probability_of_improvement(&few, &theirs), &reference["uneven_improvement"]);
    // The control: ties that count as losses, or as wins, give another number.
    let share = |won: fn(f64, f64) -> bool| {
        let tasks = ours.iter().zip(&theirs).map(|(a, b)| {
            let wins = a.iter().flat_map(|a| b.iter().map(move |b| won(*a, *b)));
            wins.filter(|won| *won).count() as f64 / (a.len() * b.len()) as f64
        });
        mean(&tasks.collect::<Vec<_>>())
    };
    let theirs = reference["improvement"].as_f64().unwrap();
    assert!(share(|a, b| a > b) < theirs - 1e-3 && share(|a, b| a >= b) > theirs + 1e-3);
}

#[test]
fn areas_are_those_of_numpy() {
    let reference = reference();
    let curve: Vec<_> =
        rows(&reference["curve"]).iter().map(|point| (point[0], point[1])).collect();
    same(area(&curve), &reference["area"]);
}
