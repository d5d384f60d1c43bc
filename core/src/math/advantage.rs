//! Advantages: GAE of real trajectories, TD(lambda) of model rollouts.
//!
//! The only implementation in the project: the trainer calls it on `[S, T, N, H]` slices, the
//! microcontroller on `N` actions.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `rewards` | `[T]` | `r_t` |
//! | `values` | `[T]` | `V(s_t)` |
//! | `next_values` | `[T]` | `V` of the following state, also at the end of an episode |
//! | `ends` | `[T]` | how the episode continued after step `t` |
//! | `advantages` | `[T]` | result |

use serde::{Deserialize, Serialize};

/// How an episode continues after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum End {
    /// The next step of the trajectory belongs to the same episode.
    Continues,
    /// The episode is over: the value of the following state is 0.
    Terminated,
    /// The recording stops (time limit, or end of the batch) although the task continues: the value of
    /// the following state replaces the rewards that were not recorded.
    Truncated,
}

/// Discount and lambda of an estimator.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discount {
    /// Discount `gamma` in (0, 1].
    pub gamma: f32,
    /// `lambda` of TD(lambda) and GAE in [0, 1].
    pub lambda: f32,
}

/// One-step temporal difference `r + gamma V(s') - V(s)`, with `V(s') = 0` after termination.
#[inline]
fn delta(reward: f32, value: f32, next_value: f32, end: End, gamma: f32) -> f32 {
    let bootstrap = if end == End::Terminated { 0.0 } else { gamma * next_value };
    reward + bootstrap - value
}

/// Writes generalised advantage estimates into `advantages`.
///
/// `A_t = delta_t + gamma lambda A_{t+1}`, where the recursion stops at every [`End`] other than
/// `Continues` and after the last step (which is bootstrapped unless it terminates). Linear in
/// `T`. Slices of unequal length: the shortest counts.
///
/// ```
/// use daa_core::math::advantage::{Discount, End, gae};
/// let discount = Discount { gamma: 0.5, lambda: 0.5 };
/// let mut advantages = [0.0; 2];
/// // delta_1 = 2 + 0.5 * 4 - 1 = 3, delta_0 = 1 + 0.5 * 1 - 0 = 1.5, A_0 = 1.5 + 0.25 * 3.
/// let ends = [End::Continues, End::Truncated];
/// gae(&[1.0, 2.0], &[0.0, 1.0], &[1.0, 4.0], &ends, discount, &mut advantages);
/// assert_eq!(advantages, [2.25, 3.0]);
/// ```
pub fn gae(
    rewards: &[f32],
    values: &[f32],
    next_values: &[f32],
    ends: &[End],
    discount: Discount,
    advantages: &mut [f32],
) {
    let Discount { gamma, lambda } = discount;
    let mut following = 0.0;
    let steps = rewards.iter().zip(values).zip(next_values).zip(ends).zip(advantages);
    for ((((reward, value), next_value), end), advantage) in steps.rev() {
        if *end != End::Continues {
            following = 0.0;
        }
        following = delta(*reward, *value, *next_value, *end, gamma) + gamma * lambda * following;
        *advantage = following;
    }
}

/// Advantage of the first action of a model rollout of `H` steps:
/// `sum_h (gamma lambda)^h (r_h + gamma V(s_{h+1}) - V(s_h))`.
///
/// `rewards` is `[H]`, `values` is `[H + 1]`, from `V` of the real state to `V` of the last predicted
/// state. Adding `values[0]` gives the critic-bootstrapped TD(lambda) estimate of
/// `Q(s, a)` (paper, Sec. 4).
///
/// ```
/// use daa_core::math::advantage::{Discount, rollout_advantage};
/// let discount = Discount { gamma: 0.5, lambda: 0.5 };
/// // deltas: 1 + 0.5 * 1 - 0 = 1.5 and 2 + 0.5 * 4 - 1 = 3.
/// assert_eq!(rollout_advantage(&[1.0, 2.0], &[0.0, 1.0, 4.0], discount), 2.25);
/// ```
#[must_use]
pub fn rollout_advantage(rewards: &[f32], values: &[f32], discount: Discount) -> f32 {
    let Discount { gamma, lambda } = discount;
    let pairs = values.iter().zip(values.iter().skip(1));
    rewards.iter().zip(pairs).rev().fold(0.0, |following, (reward, (value, next_value))| {
        delta(*reward, *value, *next_value, End::Continues, gamma) + gamma * lambda * following
    })
}

/// [`rollout_advantage`] of many rollouts: `rewards [K, H]`, `values [K, H + 1]`,
/// `advantages [K]`, where `K` is any product of leading dimensions such as `[S, T, N]`.
///
/// # Panics
/// When `horizon` is 0.
pub fn rollout_advantages(
    rewards: &[f32],
    values: &[f32],
    horizon: usize,
    discount: Discount,
    advantages: &mut [f32],
) {
    let trajectories = rewards.chunks_exact(horizon).zip(values.chunks_exact(horizon + 1));
    for ((rewards, values), advantage) in trajectories.zip(advantages) {
        *advantage = rollout_advantage(rewards, values, discount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const ENDS: [End; 3] = [End::Continues, End::Terminated, End::Truncated];

    #[test]
    fn termination_and_truncation_are_told_apart() {
        let discount = Discount { gamma: 0.9, lambda: 0.8 };
        let run = |end| {
            let mut advantages = [0.0; 2];
            let ends = [end, End::Truncated];
            gae(&[1.0, 1.0], &[2.0, 3.0], &[5.0, 7.0], &ends, discount, &mut advantages);
            advantages
        };
        let last = 1.0 + 0.9 * 7.0 - 3.0;
        let close =
            |a: [f32; 2], first: f32| (a[0] - first).abs() < 1e-5 && (a[1] - last).abs() < 1e-5;
        assert!(close(run(End::Terminated), 1.0 - 2.0));
        assert!(close(run(End::Truncated), 1.0 + 0.9 * 5.0 - 2.0));
        assert!(close(run(End::Continues), 1.0 + 0.9 * 5.0 - 2.0 + 0.72 * last));
    }

    proptest! {
        #[test]
        fn the_recursion_equals_the_sum_definition(
            steps in proptest::collection::vec(
                (-2f32..2.0, -5f32..5.0, -5f32..5.0, 0usize..3), 1..40),
            gamma in 0f32..=1.0, lambda in 0f32..=1.0,
        ) {
            let discount = Discount { gamma, lambda };
            let rewards: Vec<f32> = steps.iter().map(|s| s.0).collect();
            let values: Vec<f32> = steps.iter().map(|s| s.1).collect();
            let next: Vec<f32> = steps.iter().map(|s| s.2).collect();
            let ends: Vec<End> = steps.iter().map(|s| ENDS[s.3]).collect();
            let mut advantages = std::vec![0.0; steps.len()];
            gae(&rewards, &values, &next, &ends, discount, &mut advantages);
            for (t, advantage) in advantages.iter().enumerate() {
                // A_t = sum_l (gamma lambda)^l delta_{t+l}, up to and including the episode's end.
                let mut sum = 0.0f64;
                for l in 0..steps.len() - t {
                    let k = t + l;
                    let bootstrap = if ends[k] == End::Terminated { 0.0 } else { f64::from(gamma * next[k]) };
                    let delta = f64::from(rewards[k]) + bootstrap - f64::from(values[k]);
                    sum += libm::pow(f64::from(gamma) * f64::from(lambda), l as f64) * delta;
                    if ends[k] != End::Continues {
                        break;
                    }
                }
                prop_assert!((f64::from(*advantage) - sum).abs() < 1e-3 * (1.0 + sum.abs()));
            }
        }

        #[test]
        fn a_rollout_advantage_is_the_lambda_weighted_mean_of_n_step_returns(
            steps in proptest::collection::vec((-2f32..2.0, -5f32..5.0), 1..12), first in -5f32..5.0,
            gamma in 0f32..=1.0, lambda in 0f32..=1.0,
        ) {
            let rewards: Vec<f32> = steps.iter().map(|s| s.0).collect();
            let mut values = std::vec![first];
            values.extend(steps.iter().map(|s| s.1));
            let horizon = rewards.len();
            let (g, l) = (f64::from(gamma), f64::from(lambda));
            // Q = (1 - lambda) sum_{n < H} lambda^(n-1) G_n + lambda^(H-1) G_H.
            let n_step = |n: usize| {
                let sum: f64 = (0..n).map(|h| libm::pow(g, h as f64) * f64::from(rewards[h])).sum();
                sum + libm::pow(g, n as f64) * f64::from(values[n])
            };
            let mut q = libm::pow(l, (horizon - 1) as f64) * n_step(horizon);
            for n in 1..horizon {
                q += (1.0 - l) * libm::pow(l, (n - 1) as f64) * n_step(n);
            }
            let advantage = rollout_advantage(&rewards, &values, Discount { gamma, lambda });
            prop_assert!((f64::from(advantage + first) - q).abs() < 1e-3 * (1.0 + q.abs()));
        }
    }
}
