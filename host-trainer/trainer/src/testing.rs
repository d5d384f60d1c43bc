//! A small run and a planted divergence, for the tests of this crate and of the crates that use it.

use crate::config::Config;
use crate::train::Trainer;
use tch::Device;

/// Returns the trainer of a run of four iterations of 128 decisions, with small networks.
///
/// # Panics
/// When the models of the task suite are missing.
#[must_use]
pub fn small() -> Trainer {
    let mut config = Config { decisions: 512, ..Config::default() };
    (config.rollout.num_envs, config.rollout.length) = (2, 64);
    (config.update.minibatch_size, config.update.epochs) = (64, 2);
    (config.model.start, config.model.steps, config.model.first_steps) = (0, 4, 8);
    (config.estimator.num_actions, config.estimator.horizon) = (2, 2);
    Trainer::new(config, Device::Cpu).expect("the simulator works")
}

/// Sets a velocity in each of the given environments that MuJoCo accepts and that diverges in the next step.
///
/// # Panics
/// When the environments cannot be saved or restored.
pub fn blow_up(trainer: &mut Trainer, environments: &[usize]) {
    let mut states = trainer.rollout.state().expect("the simulator works");
    for &environment in environments {
        // The integration state is time, two positions and two velocities.
        states[environment].episode().integration[4] = 9e9;
    }
    trainer.rollout.restore(&states).expect("the simulator works");
}
