//! What a run has seen: running statistics, replay buffers, and batches made ready to learn from.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `z` | `[S, T, D]` | normalised observations |
//! | `rewards` | `[S, T]` | scaled |
//! | `values`, `advantages` | `[S, T]` | of the critic before the update; GAE |

use crate::config::Config;
use crate::data::{RealRollout, ReplayBuffer, Transition};
use crate::nn::{Network, to_vec};
use crate::rollout::Batch;
use daa_core::advantage::gae;
use daa_core::dynamics::TransitionTarget;
use daa_envs::running_stats::{ObservationScale, RunningStatistics};
use tch::{Device, Tensor};

/// Rewards divided by their return's deviation are kept within this.
const REWARD_CLIP: f32 = 10.0;

/// Statistics of one seed that learning depends on.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SeedStatistics {
    /// Of raw observations.
    pub observations: RunningStatistics,
    /// Of changes of normalised observations.
    pub changes: RunningStatistics,
    /// Of discounted returns, as they build up.
    pub returns: RunningStatistics,
    /// The discounted return of each environment so far.
    pub building_up: Vec<f32>,
}

impl SeedStatistics {
    /// Whether these, read from somewhere, can stand where those stood.
    #[must_use]
    pub fn fits(&self, others: &Self) -> bool {
        self.observations.fits(&others.observations)
            && self.changes.fits(&others.changes)
            && self.returns.fits(&others.returns)
            && self.building_up.len() == others.building_up.len()
            && self.building_up.iter().all(|sum| sum.is_finite())
    }
}

/// The units that networks compute in, an entry a seed.
#[derive(Clone, Debug)]
pub struct Units {
    /// Observation statistics.
    pub scales: Vec<ObservationScale>,
    /// Deviations of the changes of normalised observations, `[D]` each.
    pub changes: Vec<Vec<f32>>,
    /// Factors of the rewards.
    pub reward_scales: Vec<f32>,
    /// Largest magnitude of a scaled reward that an advantage is made of.
    pub reward_clip: f32,
}

impl Units {
    /// A reward as advantages take it.
    #[must_use]
    pub fn reward(&self, seed_index: usize, raw: f32) -> f32 {
        let scaled = raw * self.reward_scales[seed_index];
        daa_core::guard::limit(scaled, -self.reward_clip, self.reward_clip)
    }
}

/// Statistics and replay buffers of all seeds.
#[derive(Debug)]
pub struct Experience {
    /// An entry a seed.
    pub statistics: Vec<SeedStatistics>,
    /// An entry a seed.
    pub buffers: Vec<ReplayBuffer>,
    observations: usize,
    actions: usize,
    /// Whether anything learns from the buffers.
    replays: bool,
}

impl Experience {
    /// Of nothing.
    #[must_use]
    pub fn new(config: &Config, observations: usize, actions: usize) -> Self {
        let statistics = SeedStatistics {
            observations: RunningStatistics::new(observations),
            changes: RunningStatistics::new(observations),
            returns: RunningStatistics::new(1),
            building_up: vec![0.0; config.rollout.num_envs],
        };
        let replays = config.estimator.kind.has_model();
        let capacity = if replays { config.model.replay_capacity } else { 1 };
        let buffer = ReplayBuffer::new(capacity, observations, actions);
        Self {
            statistics: vec![statistics; config.num_seeds()],
            buffers: vec![buffer; config.num_seeds()],
            observations,
            actions,
            replays,
        }
    }

    /// One seed's observation statistics as a normaliser uses them.
    #[must_use]
    pub fn scale(&self, config: &Config, seed_index: usize) -> ObservationScale {
        let statistics = &self.statistics[seed_index].observations;
        ObservationScale::new(
            statistics,
            config.normalise.observations,
            config.normalise.observation_clip,
        )
    }

    /// The units that a network computes in now.
    #[must_use]
    pub fn units(&self, config: &Config) -> Units {
        let change = |statistics: &SeedStatistics| match config.model.transition_target {
            TransitionTarget::Next => vec![1.0; self.observations],
            TransitionTarget::Difference => statistics.changes.std(),
        };
        let reward_scale = |statistics: &SeedStatistics| {
            if config.normalise.rewards { 1.0 / statistics.returns.std()[0] } else { 1.0 }
        };
        Units {
            scales: (0..self.statistics.len()).map(|s| self.scale(config, s)).collect(),
            changes: self.statistics.iter().map(change).collect(),
            reward_scales: self.statistics.iter().map(reward_scale).collect(),
            reward_clip: if config.normalise.rewards { REWARD_CLIP } else { f32::MAX },
        }
    }

    /// Takes a batch into statistics and replay buffers. Returns where its transitions lie.
    pub fn remember(&mut self, config: &Config, batch: &Batch) -> Vec<Vec<usize>> {
        let (width, states) = (self.observations, config.batch());
        let mut newest = Vec::new();
        for s in 0..self.statistics.len() {
            let seen = &batch.observations[s * states * width..(s + 1) * states * width];
            self.statistics[s].observations.update(seen);
            let scale = self.scale(config, s);
            let statistics = &mut self.statistics[s];
            let (mut z, mut change) = (vec![0.0; width], vec![0.0; width]);
            let mut lie = Vec::new();
            for row in s * states..(s + 1) * states {
                let transition = transition(batch, row, width, self.actions);
                scale.normalise(transition.observation, &mut z);
                scale.normalise(transition.next, &mut change);
                change.iter_mut().zip(&z).for_each(|(next, z)| *next -= z);
                statistics.changes.update(&change);
                let environment = (row - s * states) / config.rollout.length;
                let so_far = &mut statistics.building_up[environment];
                *so_far = *so_far * config.gamma + transition.reward;
                statistics.returns.update(&[*so_far]);
                if batch.episode_ends[row] {
                    *so_far = 0.0;
                }
                if self.replays {
                    lie.push(self.buffers[s].push(transition));
                }
            }
            newest.push(lie);
        }
        newest
    }

    /// Normalised tensors, values and generalised advantages of a batch.
    #[must_use]
    pub fn prepare(
        &self,
        config: &Config,
        batch: &Batch,
        units: &Units,
        critic: &Network,
        device: Device,
    ) -> Prepared {
        let (seeds, states) = (config.num_seeds(), config.batch());
        let tensor = |values: &[f32], width: usize| {
            Tensor::from_slice(values)
                .view([seeds as i64, states as i64, width as i64])
                .to_device(device)
        };
        let normalised = |raw: &[f32]| {
            let mut z = vec![0.0; raw.len()];
            let rows =
                raw.chunks_exact(self.observations).zip(z.chunks_exact_mut(self.observations));
            for (row, (raw, z)) in rows.enumerate() {
                units.scales[row / states].normalise(raw, z);
            }
            tensor(&z, self.observations)
        };
        let (z, z_next) = (normalised(&batch.observations), normalised(&batch.next_observations));
        let rewards = batch.rewards.iter().enumerate();
        let rewards: Vec<f32> =
            rewards.map(|(row, reward)| units.reward(row / states, *reward)).collect();
        let values = to_vec(&critic.predict(&z));
        let next_values = to_vec(&critic.predict(&z_next));
        let mut advantages = vec![0.0; values.len()];
        // One trajectory an environment: every one ends with an `End` other than `Continues`.
        gae(&rewards, &values, &next_values, &batch.ends, config.discount(), &mut advantages);
        let rollout = RealRollout {
            z,
            actions: tensor(&batch.actions, self.actions),
            advantages: tensor(&advantages, 1).squeeze_dim(2),
            values: tensor(&values, 1).squeeze_dim(2),
        };
        Prepared { rollout, values, advantages, states }
    }
}

fn transition(batch: &Batch, row: usize, observations: usize, actions: usize) -> Transition<'_> {
    let of = |width: usize| row * width..(row + 1) * width;
    Transition {
        observation: &batch.observations[of(observations)],
        action: &batch.actions[of(actions)],
        reward: batch.rewards[row],
        next: &batch.next_observations[of(observations)],
    }
}

/// A batch as estimators take it.
#[derive(Debug)]
pub struct Prepared {
    /// As tensors.
    pub rollout: RealRollout,
    values: Vec<f32>,
    advantages: Vec<f32>,
    states: usize,
}

impl Prepared {
    /// `1 - Var[R - V] / Var[R]` of a seed: 1 for a perfect critic, 0 for a constant one.
    #[must_use]
    pub fn explained_variance(&self, seed_index: usize) -> f64 {
        let rows = seed_index * self.states..(seed_index + 1) * self.states;
        let variance = |values: &mut dyn Iterator<Item = f64>| {
            let values: Vec<f64> = values.collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
        };
        let pairs = || self.advantages[rows.clone()].iter().zip(&self.values[rows.clone()]);
        let targets = variance(&mut pairs().map(|(a, v)| f64::from(a + v)));
        let errors = variance(&mut pairs().map(|(a, _)| f64::from(*a)));
        if targets > 0.0 { 1.0 - errors / targets } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explained_variance_is_that_of_the_formula() {
        let empty = Tensor::zeros([1, 1, 1], (tch::Kind::Float, Device::Cpu));
        let rollout = RealRollout {
            z: empty.shallow_clone(),
            actions: empty.shallow_clone(),
            advantages: empty.shallow_clone(),
            values: empty,
        };
        // Seed 1: returns 0, 2, 4, 6 (variance 5), errors -1, 1, -1, 1 (variance 1).
        let advantages = vec![9.0, 9.0, 9.0, 9.0, -1.0, 1.0, -1.0, 1.0];
        let values = vec![0.0, 1.0, 2.0, 3.0, 1.0, 1.0, 5.0, 5.0];
        let prepared = Prepared { rollout, values, advantages, states: 4 };
        assert!((prepared.explained_variance(1) - 0.8).abs() < 1e-12);
        assert_eq!(prepared.explained_variance(0), 1.0);
    }
}
