//! `[actor]` and `[critic]`: the two networks that every run has.

use super::options::HIDDEN;
use daa_core::Activation;

crate::options! {
    /// The policy's network.
    ActorOptions {
        /// Hidden width
        hidden: usize = 64, HIDDEN;
        /// Activation: relu, leaky_relu, tanh or silu
        activation: Activation = Activation::Tanh;
        /// Logarithm of the policy's standard deviation at the start
        initial_log_std: f32 = -0.5, -10.0..=2.0;
    }
}

crate::options! {
    /// The network of the states' values; also the size of the Q-network of `q_network`.
    CriticOptions {
        /// Hidden width
        hidden: usize = 64, HIDDEN;
        /// Activation: relu, leaky_relu, tanh or silu
        activation: Activation = Activation::Tanh;
    }
}
