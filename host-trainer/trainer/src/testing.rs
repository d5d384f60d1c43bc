//! A small run, and a planted divergence, for tests of this crate and of those above it.

use crate::config::Config;
use crate::train::Trainer;
use tch::Device;

/// A run of four iterations of 128 decisions, with small networks.
///
/// # Panics
/// When the models of the suite are missing.
#[must_use]
pub fn small() -> Trainer {
    let config = Config {
        environments: 2,
        trajectory_len: 64,
        minibatch: 64,
        decisions: 512,
        model_start: 0,
        model_steps: 4,
        model_first_steps: 8,
        num_actions: 2,
        horizon: 2,
        epochs: 2,
        ..Config::default()
    };
    Trainer::new(config, Device::Cpu).expect("the simulator works")
}

/// Gives environments speeds that MuJoCo accepts and that diverge in the next step.
///
/// # Panics
/// When the environments cannot be saved or restored.
pub fn blow_up(trainer: &mut Trainer, environments: &[usize]) {
    let mut states = trainer.rollout.state().expect("the simulator works");
    for &environment in environments {
        // Time, two positions, two velocities.
        states[environment].episode().integration[4] = 9e9;
    }
    trainer.rollout.restore(&states).expect("the simulator works");
}
