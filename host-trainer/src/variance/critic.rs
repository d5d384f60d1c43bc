//! A critic's values as the baseline of what is measured, and for what follows the horizon.

use super::Actor;
use crate::train::Trainer;
use daa_envs::agent::Agent;

/// Values of states, in the rewards' own units.
#[derive(Clone, Debug)]
pub struct Critic {
    network: Actor,
    /// What the critic's units are multiplied with.
    unit: f64,
}

impl Critic {
    /// One seed's critic of a run.
    #[must_use]
    pub fn of(trainer: &Trainer, seed_index: usize) -> Self {
        let critic = &trainer.critic;
        let mut weights = critic.seed_params(seed_index);
        // In the place of an actor's log-deviations.
        weights.push(0.0);
        let scale = trainer.scale(seed_index);
        let network = Actor::of(&Agent::new(critic.shape(), critic.activation(), weights, scale));
        let unit = 1.0 / f64::from(trainer.units().reward_scales[seed_index]);
        Self { network, unit }
    }

    /// The value of an observation, as the environment gives it.
    #[must_use]
    pub fn value(&self, observation: &[f64]) -> f64 {
        self.unit * self.network.output(observation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn values_are_those_of_the_network_in_the_rewards_units() {
        let mut trainer = crate::train::tests::small();
        trainer.iterate().unwrap();
        let critic = Critic::of(&trainer, 0);
        let observation = [0.1, -0.4, 0.9, 0.3, -1.2];
        let narrow = observation.map(|x| x as f32);
        let mut z = [0.0; 5];
        trainer.scale(0).normalise(&narrow, &mut z);
        let z = Tensor::from_slice(&z).view([1, 1, 5]);
        let scaled = trainer.critic.predict(&z).double_value(&[0, 0, 0]);
        let value = scaled / f64::from(trainer.units().reward_scales[0]);
        assert!((critic.value(&observation) - value).abs() < 1e-4 * (1.0 + value.abs()));
        assert!(
            (value - scaled).abs() > 1e-3 * value.abs(),
            "the units are the same: nothing shown"
        );
    }
}
