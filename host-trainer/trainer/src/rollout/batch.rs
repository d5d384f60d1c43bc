//! Transitions as the environments gave them.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observations`, `next_observations` | `[S, T, D]` | raw; T is environments times steps, environment by environment |
//! | `actions` | `[S, T, A]` | raw, before the environment clamps them |
//! | `rewards` | `[S, T]` | summed over the action repeat |
//! | `ends` | `[S, T]` | how each step ended |
//! | `states` | `[S, T]` | the episode before each decision, for estimators that rewind the simulator |

use daa_core::advantage::End;
use daa_envs::{Divergence, State};
use std::time::Duration;

/// Real transitions of all seeds.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `[S, T, D]`
    pub observations: Vec<f32>,
    /// `[S, T, D]`: the observation after the step, also at the end of an episode.
    pub next_observations: Vec<f32>,
    /// `[S, T, A]`
    pub actions: Vec<f32>,
    /// `[S, T]`
    pub rewards: Vec<f32>,
    /// `[S, T]`; the last step of each environment never continues.
    pub ends: Vec<End>,
    /// Whether an episode ended with the step, `[S, T]`. The end of the batch does not count.
    pub episode_ends: Vec<bool>,
    /// The episode before each decision, `[S, T]`; empty unless an estimator rewinds the simulator.
    pub states: Vec<State>,
    /// Returns of the episodes that ended, by seed.
    pub returns: Vec<Vec<f64>>,
    /// Simulations that diverged. Each such episode was abandoned and a fresh one begun.
    pub divergences: Vec<Divergence>,
    /// Time spent in the environments.
    pub environment: Spent,
}

/// Time inside the environments, and in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub(super) inside: Duration,
    pub(super) all: Duration,
}

impl Spent {
    /// The environments' part, 0 to 1.
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
