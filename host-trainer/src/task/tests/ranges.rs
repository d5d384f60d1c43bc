//! Declared ranges against what the simulation can do.

use super::super::{Environment, Task, all};
use super::Babble;

/// Drives every task to its limits and returns, for each signal, the extremes seen.
fn extremes(task: &'static Task, episodes: u64) -> Vec<(f64, f64)> {
    let mut environment = Environment::new(task, 1, 17, 0).unwrap();
    let mut observation = vec![0.0; task.observations.len()];
    let mut seen = vec![(f64::INFINITY, f64::NEG_INFINITY); task.observations.len()];
    for episode in 0..episodes {
        environment.reset(&mut observation).unwrap();
        let mut babble = Babble::new(task, episode);
        let mut over = false;
        while !over {
            for (range, value) in seen.iter_mut().zip(&observation) {
                *range = (range.0.min(*value), range.1.max(*value));
            }
            over = environment.step(babble.act(), &mut observation).unwrap().truncated;
        }
    }
    seen
}

#[test]
fn healthy_observations_stay_in_their_declared_ranges() {
    for task in all() {
        for (signal, (low, high)) in task.observations.iter().zip(extremes(task, 3)) {
            assert!(
                signal.low <= low && high <= signal.high,
                "{} {}: {low}..{high} leaves {}..{}",
                task.name,
                signal.name,
                signal.low,
                signal.high
            );
            // A range nobody comes near would guard nothing.
            let used = low.abs().max(high.abs()) / signal.low.abs().max(signal.high.abs());
            assert!(used > 1e-3, "{} {}: only {used} is used", task.name, signal.name);
        }
    }
}
