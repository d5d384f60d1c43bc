//! A training batch by its two names: as it was collected, and as an estimator scored it.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs` | `[S, T, D]` | normalised observations |
//! | `rewards` | `[S, T]` | scaled |
//! | `values`, `advantages` | `[S, T]` | of the critic before the update; GAE |

use super::normalisation::Normalisation;
use crate::nn::{Network, Shard, data_of_shard, to_vec};
use crate::rollout::Batch;
use crate::settings::Config;
use daa_core::math::advantage::gae;
use tch::{Device, Tensor};

/// A batch of real transitions as it was collected, ready to be learned from.
#[derive(Debug)]
pub struct RolloutBatch {
    /// Normalised observations, `[S, T, D]`.
    pub obs: Tensor,
    /// Raw actions, `[S, T, A]`.
    pub actions: Tensor,
    /// Generalised advantage estimates, `[S, T]`.
    pub advantages: Tensor,
    /// Values by the critic before the update, `[S, T]`.
    pub values: Tensor,
}

/// A batch as an estimator scored it: what the policy's gradient is made of.
#[derive(Debug)]
pub struct ScoredBatch {
    /// Normalised observations, `[S, B, D]`.
    pub obs: Tensor,
    /// Raw actions, `[S, B, K, A]`; the action taken first.
    pub actions: Tensor,
    /// Their log-probabilities under the policy that acted, `[S, B, K]`.
    pub log_probs: Tensor,
    /// Their advantages, `[S, B, K]`.
    pub advantages: Tensor,
}

impl RolloutBatch {
    /// Normalises a batch and computes values and generalised advantages.
    #[must_use]
    pub fn new(
        config: &Config,
        batch: &Batch,
        normalisation: &Normalisation,
        critic: &Network,
        device: Device,
    ) -> Self {
        let (seeds, states) = (config.num_seeds(), config.batch());
        let width = |numbers: &[f32]| numbers.len() / (seeds * states);
        let tensor = |values: &[f32]| {
            Tensor::from_slice(values)
                .view([seeds as i64, states as i64, width(values) as i64])
                .to_device(device)
        };
        let normalised = |raw: &[f32]| {
            let mut obs = vec![0.0; raw.len()];
            let rows = raw.chunks_exact(width(raw)).zip(obs.chunks_exact_mut(width(raw)));
            for (row, (raw, obs)) in rows.enumerate() {
                normalisation.scales[row / states].normalise(raw, obs);
            }
            tensor(&obs)
        };
        let obs = normalised(&batch.observations);
        let next_obs = normalised(&batch.next_observations);
        let rewards = batch.rewards.iter().enumerate();
        let rewards: Vec<f32> =
            rewards.map(|(row, reward)| normalisation.reward(row / states, *reward)).collect();
        let values = to_vec(&critic.predict(&obs));
        let next_values = to_vec(&critic.predict(&next_obs));
        let mut advantages = vec![0.0; values.len()];
        // One trajectory an environment: each trajectory ends with an `End` other than `Continues`.
        gae(&rewards, &values, &next_values, &batch.ends, config.discount(), &mut advantages);
        Self {
            obs,
            actions: tensor(&batch.actions),
            advantages: tensor(&advantages).squeeze_dim(2),
            values: tensor(&values).squeeze_dim(2),
        }
    }

    /// `1 - Var[R - V] / Var[R]` of a seed: 1 for a perfect critic, 0 for a constant one.
    #[must_use]
    pub fn explained_variance(&self, seed_index: usize) -> f64 {
        let variance = |values: &mut dyn Iterator<Item = f64>| {
            let values: Vec<f64> = values.collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
        };
        let of_seed = |tensor: &Tensor| to_vec(&tensor.get(seed_index as i64));
        let (advantages, values) = (of_seed(&self.advantages), of_seed(&self.values));
        let mut returns = advantages.iter().zip(&values).map(|(a, v)| f64::from(a + v));
        let targets = variance(&mut returns);
        let errors = variance(&mut advantages.iter().map(|a| f64::from(*a)));
        if targets > 0.0 { 1.0 - errors / targets } else { 0.0 }
    }
}

impl ScoredBatch {
    /// The part of some seeds, as views.
    #[must_use]
    pub fn shard(&self, shard: &Shard) -> Self {
        let part = |tensor: &Tensor| data_of_shard(tensor, shard);
        Self {
            obs: part(&self.obs),
            actions: part(&self.actions),
            log_probs: part(&self.log_probs),
            advantages: part(&self.advantages),
        }
    }

    /// Observations, actions, log-probabilities and advantages.
    pub fn tensors(&self) -> [Tensor; 4] {
        [&self.obs, &self.actions, &self.log_probs, &self.advantages].map(Tensor::shallow_clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explained_variance_is_that_of_the_formula() {
        let empty = Tensor::zeros([1, 1, 1], (tch::Kind::Float, Device::Cpu));
        // Seed 1: returns 0, 2, 4, 6 (variance 5), errors -1, 1, -1, 1 (variance 1).
        let advantages = [9.0f32, 9.0, 9.0, 9.0, -1.0, 1.0, -1.0, 1.0];
        let values = [0.0f32, 1.0, 2.0, 3.0, 1.0, 1.0, 5.0, 5.0];
        let batch = RolloutBatch {
            obs: empty.shallow_clone(),
            actions: empty,
            advantages: Tensor::from_slice(&advantages).view([2, 4]),
            values: Tensor::from_slice(&values).view([2, 4]),
        };
        assert!((batch.explained_variance(1) - 0.8).abs() < 1e-12);
        assert_eq!(batch.explained_variance(0), 1.0);
    }
}
