//! Declared ranges against what the simulation can do.

use super::{Babble, fresh};
use crate::Random;
use crate::{Environment, Task, all};

/// Least and greatest value seen of each signal.
struct Extremes {
    task: &'static Task,
    seen: Vec<(f64, f64)>,
}

impl Extremes {
    fn of(task: &'static Task) -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        Self { task, seen: vec![nothing; task.observations.len()] }
    }

    fn note(&mut self, observation: &[f64]) {
        for (range, value) in self.seen.iter_mut().zip(observation) {
            *range = (range.0.min(*value), range.1.max(*value));
        }
    }

    fn check(&self) {
        for (signal, (low, high)) in self.task.observations.iter().zip(&self.seen) {
            let name = format!("{} {}", self.task.name, signal.name);
            println!("{name}: {low}..{high} of {}..{}", signal.low, signal.high);
            assert!(signal.low <= *low && *high <= signal.high, "{name}: {low}..{high}");
            // A range far beyond all readings would guard nothing.
            let used = low.abs().max(high.abs()) / signal.low.abs().max(signal.high.abs());
            assert!(used > 1e-3, "{name}: only {used} is used");
        }
    }
}

#[test]
fn healthy_observations_stay_in_their_declared_ranges() {
    for task in all() {
        let mut extremes = Extremes::of(task);
        let mut environment = Environment::new(task, 1, 17, 0).unwrap();
        let mut observation = vec![0.0; task.observations.len()];
        for episode in 0..3 {
            environment.reset(&mut observation).unwrap();
            let mut babble = Babble::new(task, episode);
            let mut over = false;
            while !over {
                extremes.note(&observation);
                over = environment.step(babble.act(), &mut observation).unwrap().truncated;
            }
        }
        extremes.check();
    }
}

/// Tries several short sequences of bang-bang actions, and returns the first action of the sequence
/// that brings signal `index` furthest in the direction of `sign`.
fn reach(environment: &mut Environment, index: usize, sign: f64, random: &mut Random) -> Vec<f64> {
    let task = environment.task();
    let start = environment.save();
    let mut observation = vec![0.0; task.observations.len()];
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for _ in 0..6 {
        environment.restore(&start).unwrap();
        let mut first = None;
        let mut furthest = f64::NEG_INFINITY;
        for _ in 0..random.uniform(1.0, 7.0) as u32 {
            let bang = |_| random.uniform(-1.0, 1.0).signum();
            let action: Vec<_> = (0..task.actions.len()).map(bang).collect();
            let step = environment.step(&action, &mut observation).unwrap();
            first.get_or_insert(action);
            furthest = furthest.max(sign * observation[index]);
            if step.truncated {
                break;
            }
        }
        if furthest > best.0 {
            best = (furthest, first.unwrap());
        }
    }
    environment.restore(&start).unwrap();
    best.1
}

/// Decisions of each search. Whole episodes, 200, take a quarter of an hour: `SEARCH_DECISIONS=200`.
fn search_decisions() -> usize {
    std::env::var("SEARCH_DECISIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[test]
fn policies_that_look_for_the_limits_stay_in_the_declared_ranges() {
    for task in all() {
        let mut extremes = Extremes::of(task);
        let mut environment = fresh(task, 5, 0);
        let mut random = Random::new(5, 1);
        let mut observation = vec![0.0; task.observations.len()];
        for index in 0..task.observations.len() {
            for sign in [-1.0, 1.0] {
                environment.reset(&mut observation).unwrap();
                for _ in 0..search_decisions() {
                    let action = reach(&mut environment, index, sign, &mut random);
                    let over = environment.step(&action, &mut observation).unwrap().truncated;
                    extremes.note(&observation);
                    if over {
                        break;
                    }
                }
            }
        }
        extremes.check();
    }
}
