//! States of the learned dynamics model instead of more actions (paper, Sec. 5.2, Fig. 4): T real states and
//! N T simulated ones, each with one action.

use super::context::Context;
use super::extra_actions::extra_actions;
use super::interface::{Definition, Estimator, Extra, Lesson, Operations};
use super::learned_dynamics::{LearnedDynamics, memory};
use super::model_rollout::states;
use crate::data::ScoredBatch;
use crate::gaussian::log_probs;
use crate::nn::Network;
use crate::settings::Config;
use crate::world_model::{ModelError, WorldModel};
use daa_core::MlpShape;
use daa_envs as task;
use tch::Tensor;

/// The estimator `simulated_states`.
pub(super) static DEFINITION: Definition = Definition {
    name: "simulated_states",
    report_name: "{} on simulated states",
    help: "no extra actions; a learned dynamics model adds states (Fig. 4 of the paper)",
    extra: Extra::States,
    has_horizon: true,
    has_model: true,
    replays: true,
    rewinds: false,
    memory,
    build: |setup| Box::new(SimulatedStates(LearnedDynamics::new(setup))),
};

/// Adds states by the learned model.
#[derive(Debug)]
pub(super) struct SimulatedStates(LearnedDynamics);

impl Estimator for SimulatedStates {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn is_ready(&self, config: &Config, decisions: u64) -> bool {
        LearnedDynamics::is_ready(config, decisions)
    }

    fn learn(&mut self, lesson: &Lesson<'_>) -> Vec<ModelError> {
        self.0.learn(lesson)
    }

    fn score(&self, context: &Context<'_>) -> Result<ScoredBatch, task::Error> {
        let Context { actor, real, .. } = context;
        let mean = actor.predict(&real.obs).tanh();
        let simulated = states(&self.0.model, context, &extra_actions(context, &mean));
        let join = |real: &Tensor, simulated: &Tensor| Tensor::cat(&[real, simulated], 1);
        let obs = join(&real.obs, &simulated.obs);
        let actions = join(&real.actions, &simulated.actions).unsqueeze(2);
        let advantages = join(&real.advantages, &simulated.advantages).unsqueeze(2);
        let mean = Tensor::cat(&[mean, actor.predict(&simulated.obs).tanh()], 1);
        let log_probs = log_probs(&actions, &mean, &actor.extra());
        Ok(ScoredBatch { obs, actions, log_probs, advantages })
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
        let steps = config.estimator.horizon as f64 + 1.0;
        Operations {
            learning: self.0.learning_operations(config),
            scoring: self.0.rollout_operations(config, steps, actor, critic),
            added_states: (config.batch() * config.estimator.num_actions) as f64,
        }
    }
}
