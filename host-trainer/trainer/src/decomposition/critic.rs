//! A critic whose values are the baseline of measured returns and estimate the return after the horizon.

use super::Actor;
use daa_envs::agent::Agent;

/// Values of states, in units of the unscaled reward.
#[derive(Clone, Debug)]
pub struct Critic {
    network: Actor,
    /// Factor from the network's output to units of the unscaled reward.
    unit: f64,
}

impl Critic {
    /// Returns a critic from its network, given as an agent whose output is the value, and the factor `unit` from the
    /// network's output to units of the unscaled reward.
    #[must_use]
    pub fn new(network: &Agent, unit: f64) -> Self {
        Self { network: Actor::of(network), unit }
    }

    /// The value of a raw observation, `[D]`.
    #[must_use]
    pub fn value(&self, observation: &[f64]) -> f64 {
        self.unit * self.network.output(observation)
    }
}
