//! Tests that estimates from data agree with the exact components of a solved process.

use super::{Statistic, intervals};
use crate::exact::{Solved, Tabular};
use crate::stats::Estimate;
use daa_trainer::decomposition::TrajectoryGradients;
use daa_trainer::decomposition::{Accumulator, Components};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

const THETA: [f64; 3] = [0.4, -0.3, 0.8];
const LEN: usize = 6;
const ACTIONS: usize = 4;

/// Gradients of a trajectory. Q-values are means of `rollouts` returns with normal noise.
fn gradients(rng: &mut ChaCha8Rng, solved: &Solved<'_>, rollouts: usize) -> TrajectoryGradients {
    let mut gradients = TrajectoryGradients::new(THETA.len(), LEN);
    for visit in solved.trajectory(rng, LEN, ACTIONS) {
        let scores: Vec<f64> =
            visit.actions.iter().flat_map(|action| solved.score(visit.state, *action)).collect();
        let q = |action: &usize| solved.q[visit.state * 3 + action];
        let noisy = |action| {
            let noise = || -> f64 { StandardNormal.sample(rng) };
            std::iter::repeat_with(noise).take(rollouts).map(|x| q(action) + x).collect::<Vec<_>>()
        };
        let returns: Vec<f64> = visit.actions.iter().flat_map(noisy).collect();
        gradients.push(&scores, &returns, ACTIONS, LEN);
    }
    gradients
}

/// Estimates from independent groups of trajectories; `spoil` may falsify the gradients.
fn groups(
    seed: u64,
    (groups, size): (usize, usize),
    rollouts: usize,
    spoil: impl Fn(&mut TrajectoryGradients),
) -> Vec<Components> {
    let problem = Tabular::example(0.9);
    let solved = problem.solve(&THETA);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let group = |_| {
        let mut accumulator = Accumulator::new(THETA.len(), LEN);
        for _ in 0..size {
            let mut gradients = gradients(&mut rng, &solved, rollouts);
            spoil(&mut gradients);
            accumulator.add(&gradients);
        }
        accumulator.finish().unwrap().mean()
    };
    (0..groups).map(group).collect()
}

fn exact() -> Components {
    let problem = Tabular::example(0.9);
    Components::mean(&problem.solve(&THETA).components(LEN - 1))
}

/// All components and the statistics that follow from them.
const STATISTICS: [Statistic<'_>; 7] = [
    &|c| c.state_variance,
    &|c| c.action_variance,
    &|c| c.marginal_covariance[0],
    &|c| c.marginal_sum(LEN),
    &|c| c.rest_sum(LEN),
    &|c| c.condition(1, LEN, 0.5).margin(),
    &|c| c.theorem_1(LEN).margin(),
];

/// Distances between the means of many groups and the truth, in standard errors.
fn off(groups: &[Components]) -> Vec<f64> {
    let (n, exact) = (groups.len() as f64, exact());
    let one = |statistic: &Statistic<'_>| {
        let values: Vec<f64> = groups.iter().map(statistic).collect();
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean - statistic(&exact)).abs() / (squares / (n - 1.0) / n).sqrt()
    };
    STATISTICS.iter().map(one).collect()
}

#[test]
fn estimates_are_unbiased_even_from_two_trajectories() {
    for (seed, rollouts) in [(1, 2), (2, 5)] {
        let off = off(&groups(seed, (6_000, 2), rollouts, |_| ()));
        assert!(off.iter().all(|off| *off < 4.0), "{off:?}");
    }
}

#[test]
fn leaving_a_correction_out_is_found() {
    // The variance of means of 3 actions contains a third of the variance within a state.
    let within = off(&groups(3, (6_000, 2), 2, |g| g.marginal_error.fill(0.0)));
    assert!(within[0] > 10.0, "{within:?}");
    assert!(within[1..5].iter().all(|off| *off < 4.0), "{within:?}");
    // With one rollout the noise of the Q-values is unknown and counts as variance of the policy.
    let noise = off(&groups(4, (6_000, 2), 1, |_| ()));
    assert!(noise[1] > 10.0 && noise[0] < 4.0, "{noise:?}");
    // The action taken must not contribute to the marginal gradient: it depends on the following states.
    let taken = off(&groups(5, (24_000, 2), 2, |g| {
        g.marginal.iter_mut().zip(&g.rest).for_each(|(marginal, rest)| *marginal += rest);
    }));
    assert!(taken[2] > 4.0, "{taken:?}");
}

#[test]
fn intervals_cover_the_exact_values() {
    let exact = exact();
    let repeats = 150;
    let mut covered = [0; STATISTICS.len()];
    let mut too_narrow = 0;
    for seed in 0..repeats {
        let groups = groups(1000 + seed, (20, 4), 2, |_| ());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let intervals = intervals(&mut rng, &groups, 300, &STATISTICS);
        for ((covered, interval), statistic) in covered.iter_mut().zip(intervals).zip(STATISTICS) {
            *covered += i32::from(interval.contains(statistic(&exact)));
        }
        too_narrow += i32::from(!narrow(&groups).contains(exact.action_variance));
    }
    // The aim is 95 %, which 150 trials measure within 4 %. Skewed statistics of 20 groups cover less.
    assert!(covered.iter().all(|covered| *covered > 130), "{covered:?} of {repeats}");
    assert!(too_narrow > 30, "an interval of half the width covers as well: {too_narrow}");
}

/// An interval half as wide as it should be.
fn narrow(groups: &[Components]) -> Estimate {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let whole = intervals(&mut rng, groups, 300, &[&|c: &Components| c.action_variance])[0];
    let at = |end: f64| whole.value + 0.5 * (end - whole.value);
    Estimate { interval: Some(whole.ends().map(at)), ..whole }
}
