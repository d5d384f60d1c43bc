//! The batch of an iteration: the real transitions of all environments, unprocessed.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observations`, `next_observations` | `[S, T, D]` | raw; T is the number of environments times the steps of each, environment by environment |
//! | `actions` | `[S, T, A]` | raw, before the environment clamps them |
//! | `rewards` | `[S, T]` | summed over the action repeat |
//! | `ends` | `[S, T]` | how each step ended |
//! | `states` | `[S, T]` | the episode before each decision, for estimators that rewind the simulator |

use daa_core::math::advantage::End;
use daa_envs::{Divergence, State};
use std::time::Duration;

/// The real transitions of all seeds in one iteration.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Raw observation before each decision, `[S, T, D]`.
    pub observations: Vec<f32>,
    /// Raw observation after each decision, `[S, T, D]`; at an episode's end, its last observation.
    pub next_observations: Vec<f32>,
    /// Raw actions, `[S, T, A]`.
    pub actions: Vec<f32>,
    /// Rewards, `[S, T]`.
    pub rewards: Vec<f32>,
    /// How each step ended, `[S, T]`; the last step of each environment is never [`End::Continues`].
    pub ends: Vec<End>,
    /// Whether an episode ended with the step, `[S, T]`. The end of the batch does not count.
    pub episode_ends: Vec<bool>,
    /// The saved episode before each decision, `[S, T]`; empty unless the estimator rewinds the simulator.
    pub states: Vec<State>,
    /// Returns of the episodes that ended, for each seed.
    pub returns: Vec<Vec<f64>>,
    /// Simulations that diverged. Each such episode was abandoned and a new one started.
    pub divergences: Vec<Divergence>,
    /// Time spent in the environments, and the total time.
    pub environment: Spent,
}

/// Time inside the environments, and total time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub(super) inside: Duration,
    pub(super) all: Duration,
}

impl Spent {
    /// Share of the environments in the total time, 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.all.is_zero() { 0.0 } else { self.inside.as_secs_f64() / self.all.as_secs_f64() }
    }
}

/// Settings of a rollout that every thread needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) steps: usize,
    pub(super) bootstrap_truncation: bool,
    pub(super) keep_states: bool,
}
