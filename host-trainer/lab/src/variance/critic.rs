//! The critic of a run as the baseline of returns, and as the value after their horizon.

use daa_envs::agent::Agent;
use daa_trainer::decomposition::Critic;
use daa_trainer::train::Trainer;

/// The critic of one seed of a run.
#[must_use]
pub fn critic_of(trainer: &Trainer, seed_index: usize) -> Critic {
    let critic = &trainer.critic;
    let mut weights = critic.seed_params(seed_index);
    // An actor has its log-deviations here.
    weights.push(0.0);
    let scale = trainer.scale(seed_index);
    let network = Agent::new(critic.shape(), critic.activation(), weights, scale);
    Critic::new(&network, 1.0 / f64::from(trainer.normalisation().reward_scales[seed_index]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn values_are_those_of_the_network_in_the_rewards_units() {
        let mut trainer = daa_trainer::testing::small();
        trainer.iterate().unwrap();
        let critic = critic_of(&trainer, 0);
        let observation = [0.1, -0.4, 0.9, 0.3, -1.2];
        let narrow = observation.map(|x| x as f32);
        let mut obs = [0.0; 5];
        trainer.scale(0).normalise(&narrow, &mut obs);
        let obs = Tensor::from_slice(&obs).view([1, 1, 5]);
        let scaled = trainer.critic.predict(&obs).double_value(&[0, 0, 0]);
        let value = scaled / f64::from(trainer.normalisation().reward_scales[0]);
        assert!((critic.value(&observation) - value).abs() < 1e-4 * (1.0 + value.abs()));
        assert!(
            (value - scaled).abs() > 1e-3 * value.abs(),
            "the units are the same: nothing shown"
        );
    }
}
