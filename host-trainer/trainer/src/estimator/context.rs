//! What an estimator scores a batch with.

use crate::data::{Normalisation, RolloutBatch};
use crate::nn::Network;
use crate::rollout::Rollout;
use crate::settings::NoiseScheme;
use daa_core::math::advantage::Discount;
use daa_envs::State;
use daa_envs::agent::Agent;
use std::sync::Arc;

/// What every estimator scores with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The policy that acted.
    pub actor: &'a Network,
    /// Its critic.
    pub critic: &'a Network,
    /// The batch that it collected.
    pub real: &'a RolloutBatch,
    /// Scales of observations and rewards.
    pub normalisation: &'a Normalisation,
    /// The simulator that can be rewound to each state of the batch, for estimators that
    /// [rewind](super::Definition::rewinds).
    pub simulator: Option<Simulator<'a>>,
    /// Gamma and lambda.
    pub discount: Discount,
    /// Extra actions of each state, N.
    pub num_actions: usize,
    /// Steps behind each of them, H.
    pub horizon: usize,
    /// How the noise of the N actions is drawn.
    pub noise: NoiseScheme,
    /// Seeds of the run.
    pub seeds: &'a [u64],
    /// Number of the iteration, which chooses the noise.
    pub iteration: u64,
    /// Worker threads.
    pub threads: usize,
}

/// The simulator, and the states to which it can be rewound.
#[derive(Clone, Copy, Debug)]
pub struct Simulator<'a> {
    /// The environments. Their states are the same before and after scoring.
    pub rollout: &'a Rollout,
    /// The episode before each decision, `[S, T]`: as many for each seed.
    pub states: &'a [State],
    /// The policies that acted.
    pub agents: &'a Arc<Vec<Agent>>,
    /// Whether a time limit is a truncation, not a terminal state.
    pub bootstrap_truncation: bool,
    /// Whether the same noise follows each action of a state.
    pub common_noise: bool,
}
