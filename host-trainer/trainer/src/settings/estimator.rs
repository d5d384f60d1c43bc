//! `[estimator]` and `[model]`: where extra actions come from.

use super::options::{AboveZero, HIDDEN, SIZE};
use daa_core::Activation;
use daa_core::model::TransitionTarget;
use serde::{Deserialize, Serialize};

/// How the noise of a state's N actions is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseScheme {
    /// Each action's noise independently of the others'.
    Independent,
    /// In pairs of opposite sign.
    Antithetic,
    /// Points of a scrambled Sobol sequence (randomised quasi-Monte Carlo).
    Sobol,
}

crate::options! {
    /// The estimator: how each visited state is scored.
    EstimatorOptions {
        /// Estimator: the source of each state's extra actions
        kind: String = "dynamics".to_owned();
        /// Extra actions of each state, N; with simulated_states, simulated states for each real one
        num_actions: usize = 8, 1..=1024;
        /// Simulated steps behind each extra action, H
        horizon: usize = 8, 1..=1000;
        /// Fraction of the run over which N and H grow from 1 to their values (0: they never change)
        ramp_fraction: f64 = 0.0, 0.0..=1.0;
        /// Weight of the action taken; each extra action has weight 1
        real_weight: f64 = 1.0, AboveZero;
        /// Noise of the N actions: independent, antithetic or sobol
        noise: NoiseScheme = NoiseScheme::Antithetic;
    }
}

crate::options! {
    /// The dynamics model of the estimators `dynamics` and `simulated_states`.
    ModelOptions {
        /// Hidden width of the transition network
        transition_hidden: usize = 64, HIDDEN;
        /// Hidden width of the reward network
        reward_hidden: usize = 64, HIDDEN;
        /// Activation: relu, leaky_relu, tanh or silu
        activation: Activation = Activation::Silu;
        /// One network of width transition_hidden for transition and reward, instead of two networks
        common_trunk: bool = false;
        /// Output of the transition network: next (next observation, as in the papers) or difference
        transition_target: TransitionTarget = TransitionTarget::Difference;
        /// Learning rate
        learning_rate: f64 = 1e-3, AboveZero;
        /// Epsilon of Adam
        adam_epsilon: f64 = 1e-8, AboveZero;
        /// Transitions of each minibatch
        minibatch_size: usize = 256, SIZE;
        /// Gradient steps in each iteration
        steps: usize = 400, SIZE;
        /// Gradient steps in the first iteration that trains the model
        first_steps: usize = 1600, SIZE;
        /// Decisions before the model is first trained and used
        start: u64 = 4096;
        /// Round the widest matrix products to bfloat16: faster on processors with AVX-512 BF16 and on GPUs
        bf16: bool = false;
        /// Transitions that the replay buffer holds
        replay_capacity: usize = 200_000, 1..=1 << 28;
    }
}
