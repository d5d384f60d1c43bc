//! The dynamics model of the estimators `dynamics` and `simulated_states`: when and how long it is trained.

use super::interface::{Lesson, Memory, Setup, Sizes};
use crate::nn::{forward_operations, step_operations};
use crate::settings::Config;
use crate::world_model::{ModelError, WorldModel};
use daa_core::MlpShape;

/// A model, and whether it has been trained at all.
#[derive(Debug)]
pub(super) struct LearnedDynamics {
    pub(super) model: WorldModel,
    pub(super) is_trained: bool,
}

impl LearnedDynamics {
    pub(super) fn new(setup: &Setup<'_>) -> Self {
        let Sizes { observations, actions } = setup.sizes;
        let model = WorldModel::new(setup.config, observations, actions, setup.device);
        Self { model, is_trained: false }
    }

    /// Whether the replay buffer holds enough for the model to be trained and used.
    pub(super) fn is_ready(config: &Config, decisions: u64) -> bool {
        decisions >= config.model.start
    }

    /// Trains the model on the replay buffers. Its errors on the newest transitions before that.
    pub(super) fn learn(&mut self, lesson: &Lesson<'_>) -> Vec<ModelError> {
        let Lesson { config, buffers, newest, normalisation, iteration, .. } = *lesson;
        let errors = self.model.errors(buffers, newest, normalisation);
        let options = &config.model;
        let steps = if self.is_trained { options.steps } else { options.first_steps };
        let when = (&config.seeds[..], iteration);
        self.model.train(buffers, normalisation, steps, when, config.num_threads());
        self.is_trained = true;
        errors
    }

    pub(super) fn save(&self) -> Vec<u8> {
        vec![u8::from(self.is_trained)]
    }

    pub(super) fn restore(&mut self, bytes: &[u8]) -> bool {
        let [is_trained @ (0 | 1)] = bytes else { return false };
        self.is_trained = *is_trained == 1;
        true
    }

    /// Operations of one iteration's training, and of the test before it.
    pub(super) fn learning_operations(&self, config: &Config) -> f64 {
        let shapes = || self.model.networks().map(|(_, network)| network.shape());
        let rows = (config.model.steps * config.model.minibatch_size) as f64;
        let test = config.batch() as f64;
        rows * shapes().map(step_operations).sum::<f64>()
            + test * shapes().map(forward_operations).sum::<f64>()
    }

    /// Operations of model rollouts of `steps` steps behind each extra action.
    pub(super) fn rollout_operations(
        &self,
        config: &Config,
        steps: f64,
        actor: MlpShape,
        critic: MlpShape,
    ) -> f64 {
        let samples = (config.batch() * config.estimator.num_actions) as f64;
        let model: f64 = self.model.networks().map(|(_, n)| forward_operations(n.shape())).sum();
        samples
            * (steps * (model + forward_operations(critic))
                + (steps - 1.0) * forward_operations(actor))
    }
}

/// Memory of the model, of the extra actions with the states of their trajectories, and of the replay
/// buffers.
pub(super) fn memory(config: &Config, sizes: Sizes) -> Vec<Memory> {
    let Sizes { observations, actions } = sizes;
    let shape = |hidden, output| MlpShape::new(observations + actions, hidden, output);
    let shapes =
        [shape(config.model.transition_hidden, observations), shape(config.model.reward_hidden, 1)];
    let keys = ["model.transition_hidden", "model.reward_hidden"];
    vec![
        Memory::of_networks(config, &shapes, &keys),
        Memory::of_extra(config, observations + actions + 1),
        Memory::of_replay(config, sizes),
    ]
}
