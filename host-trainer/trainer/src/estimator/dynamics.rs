//! DAA: the advantages of extra actions from trajectories through the learned dynamics model (paper, Sec. 4).

use super::context::Context;
use super::interface::{Definition, Estimator, Extra, Lesson, Operations};
use super::learned_dynamics::{LearnedDynamics, memory};
use super::model_rollout::advantages;
use crate::nn::Network;
use crate::settings::Config;
use crate::world_model::{ModelError, WorldModel};
use daa_core::MlpShape;
use daa_envs as task;
use tch::Tensor;

/// The estimator `dynamics`.
pub(super) static DEFINITION: Definition = Definition {
    name: "dynamics",
    report_name: "DAA-{}",
    help: "extra actions, scored by trajectories through a learned dynamics model (DAA)",
    extra: Extra::Actions,
    has_horizon: true,
    has_model: true,
    replays: true,
    rewinds: false,
    memory,
    build: |setup| Box::new(Dynamics(LearnedDynamics::new(setup))),
};

/// Scores extra actions by the learned model.
#[derive(Debug)]
pub(super) struct Dynamics(LearnedDynamics);

impl Estimator for Dynamics {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn is_ready(&self, config: &Config, decisions: u64) -> bool {
        LearnedDynamics::is_ready(config, decisions)
    }

    fn learn(&mut self, lesson: &Lesson<'_>) -> Vec<ModelError> {
        self.0.learn(lesson)
    }

    fn advantages(&self, context: &Context<'_>, extra: &Tensor) -> Result<Tensor, task::Error> {
        Ok(advantages(&self.0.model, context, extra))
    }

    fn networks(&self) -> Vec<(&'static str, &Network)> {
        self.0.model.networks().collect()
    }

    fn networks_mut(&mut self) -> Vec<(&'static str, &mut Network)> {
        self.0.model.networks_mut().collect()
    }

    fn has_learned(&self) -> bool {
        self.0.is_trained
    }

    fn world_model(&self) -> Option<&WorldModel> {
        Some(&self.0.model)
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn restore(&mut self, bytes: &[u8]) -> bool {
        self.0.restore(bytes)
    }

    fn operations(&self, config: &Config, actor: MlpShape, critic: MlpShape) -> Operations {
        let steps = config.estimator.horizon as f64;
        Operations {
            learning: self.0.learning_operations(config),
            scoring: self.0.rollout_operations(config, steps, actor, critic),
            added_states: 0.0,
        }
    }
}
