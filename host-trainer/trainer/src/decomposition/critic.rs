//! A critic's values as the baseline of what is measured, and for what follows the horizon.

use super::Actor;
use daa_envs::agent::Agent;

/// Values of states, in the rewards' own units.
#[derive(Clone, Debug)]
pub struct Critic {
    network: Actor,
    /// What the critic's units are multiplied with.
    unit: f64,
}

impl Critic {
    /// A critic from its network, as an agent whose output is the value, and what the network's units are
    /// multiplied with.
    #[must_use]
    pub fn new(network: &Agent, unit: f64) -> Self {
        Self { network: Actor::of(network), unit }
    }

    /// The value of an observation, as the environment gives it.
    #[must_use]
    pub fn value(&self, observation: &[f64]) -> f64 {
        self.unit * self.network.output(observation)
    }
}
