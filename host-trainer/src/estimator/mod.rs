//! Who supplies the extra actions: the one line that differs between PPO and DAA.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `z` | `[S, T, D]` | normalised observations of the real rollout |
//! | `actions` | `[S, T, K, A]` | raw; the real action first, then the N extra ones: K = N + 1 |
//! | `log_probs`, `advantages` | `[S, T, K]` | of those actions, under the policy that acted |

mod dynamics;

pub use dynamics::imagine;

use crate::dynamics::{WorldModel, WorldReader};
use crate::nn::{Network, Reader};
use daa_core::advantage::Discount;
use std::f64::consts::PI;
use tch::{Kind, Tensor};

/// A real rollout, ready to be learned from.
#[derive(Debug)]
pub struct RealRollout {
    /// `[S, T, D]`
    pub z: Tensor,
    /// `[S, T, A]`
    pub actions: Tensor,
    /// `[S, T]`, GAE.
    pub advantages: Tensor,
    /// `[S, T]`, of the critic before the update.
    pub values: Tensor,
}

/// Actions to learn from.
#[derive(Debug)]
pub struct Samples {
    /// `[S, T, K, A]`
    pub actions: Tensor,
    /// `[S, T, K]`
    pub log_probs: Tensor,
    /// `[S, T, K]`
    pub advantages: Tensor,
}

/// What imagination needs beside the rollout.
#[derive(Debug)]
pub struct Imagination<'a> {
    /// The dynamics.
    pub model: &'a WorldModel,
    /// Deviations of the changes of normalised observations, `[D]` of each seed.
    pub changes: &'a [Vec<f32>],
    /// Largest magnitude of a normalised observation.
    pub observation_clip: f32,
    /// The critic.
    pub critic: &'a Network,
    /// Gamma and lambda.
    pub discount: Discount,
    /// N
    pub num_actions: usize,
    /// H
    pub horizon: usize,
    /// Opposite noise in pairs.
    pub antithetic: bool,
    /// Of the run.
    pub seeds: &'a [u64],
    /// Of the run: chooses the noise.
    pub iteration: u64,
    /// Worker threads.
    pub threads: usize,
}

/// Where the values of extra actions come from.
#[derive(Debug)]
pub enum Estimator<'a> {
    /// Nowhere: the action taken is the only one (PPO).
    Single,
    /// Imagined trajectories through a learned model (DAA, Sec. 4).
    Dynamics(Imagination<'a>),
}

impl Estimator<'_> {
    /// All actions of every state, with log-probabilities and advantages.
    #[must_use]
    pub fn samples(&self, actor: &Network, real: &RealRollout) -> Samples {
        let mean = actor.predict(&real.z).tanh();
        let (actions, advantages) = match self {
            Self::Single => (real.actions.unsqueeze(2), real.advantages.unsqueeze(2)),
            Self::Dynamics(imagination) => {
                let (actions, advantages) = imagine(imagination, actor, real, &mean);
                (
                    Tensor::cat(&[&real.actions.unsqueeze(2), &actions], 2),
                    Tensor::cat(&[&real.advantages.unsqueeze(2), &advantages], 2),
                )
            }
        };
        let log_probs = log_probs(&actions, &mean, &actor.extra());
        Samples { actions, log_probs, advantages }
    }
}

/// `[S, B, K]` Gaussian log-probabilities of raw actions `[S, B, K, A]` for means `[S, B, A]` and
/// `log_std [S, A]`: [`daa_core::policy::log_prob`] for tensors.
pub fn log_probs(actions: &Tensor, mean: &Tensor, log_std: &Tensor) -> Tensor {
    let (seeds, width) = (log_std.size()[0], log_std.size()[1]);
    let precision = (log_std * -2.0).exp().view([seeds, 1, 1, width]);
    let squares = (actions - mean.unsqueeze(2)).square() * precision;
    let normaliser = log_std.sum_dim_intlist(&[1i64][..], false, Kind::Float)
        + 0.5 * width as f64 * (2.0 * PI).ln();
    squares.sum_dim_intlist(&[3i64][..], false, Kind::Float) * -0.5 - normaliser.view([seeds, 1, 1])
}

/// Readers that one imagining thread owns.
pub(crate) struct Readers {
    pub(crate) actor: Reader,
    pub(crate) critic: Reader,
    pub(crate) model: WorldReader,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::to_vec;
    use tch::Device;

    #[test]
    fn log_probabilities_are_cores() {
        tch::manual_seed(5);
        let cpu = (Kind::Float, Device::Cpu);
        let (actions, mean) = (Tensor::randn([2, 7, 3, 4], cpu), Tensor::randn([2, 7, 4], cpu));
        let log_std = Tensor::randn([2, 4], cpu) * 0.5;
        let ours = log_probs(&actions, &mean, &log_std);
        for s in 0..2 {
            for t in 0..7 {
                for k in 0..3 {
                    let action = to_vec(&actions.get(s).get(t).get(k));
                    let expected = daa_core::policy::log_prob(
                        &action,
                        &to_vec(&mean.get(s).get(t)),
                        &to_vec(&log_std.get(s)),
                    );
                    let value = ours.double_value(&[s, t, k]);
                    assert!((value - f64::from(expected)).abs() < 1e-4, "{value} {expected}");
                }
            }
        }
    }
}
