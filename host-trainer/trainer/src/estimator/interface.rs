//! What an estimator is: its definition, what it learns from, what it scores.

use super::context::Context;
use super::extra_actions::extra_actions;
use crate::data::{Normalisation, ReplayBuffer, RolloutBatch, ScoredBatch};
use crate::gaussian::log_probs;
use crate::nn::Network;
use crate::registry::Named;
use crate::settings::Config;
use crate::world_model::{ModelError, WorldModel};
use daa_core::MlpShape;
use daa_envs as task;
use std::fmt::Debug;
use tch::{Device, Tensor};

/// What a state has beside the action taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Nothing.
    Nothing,
    /// N more actions in the same state.
    Actions,
    /// N more states with one action each.
    States,
}

/// The definition of an estimator: one static value, listed in [`ESTIMATORS`](super::ESTIMATORS) or passed
/// to [`register`](super::register).
#[derive(Debug)]
pub struct Definition {
    /// Value of `estimator.kind`.
    pub name: &'static str,
    /// Name of the method in reports. `{}` stands for the name of the update: `DAA-{}` becomes `DAA-PPO`.
    pub report_name: &'static str,
    /// One line for `train --help`.
    pub help: &'static str,
    /// What a state has beside the action taken.
    pub extra: Extra,
    /// Whether trajectories of `estimator.horizon` steps are simulated.
    pub has_horizon: bool,
    /// Whether a dynamics model is learned: the options of `[model]` have an effect.
    pub has_model: bool,
    /// Whether transitions are kept in a replay buffer.
    pub replays: bool,
    /// Whether the simulator is rewound: the rollout keeps the simulator's state before each decision.
    pub rewinds: bool,
    /// Memory that the estimator needs beside actor, critic and the batch; a lower bound.
    pub memory: fn(&Config, Sizes) -> Vec<Memory>,
    /// Makes the estimator of a run.
    pub build: fn(&Setup<'_>) -> Box<dyn Estimator>,
}

impl Named for Definition {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Lengths of a task's vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Length of an observation, D.
    pub observations: usize,
    /// Length of an action, A.
    pub actions: usize,
}

/// Memory and the options that it grows with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes.
    pub bytes: u128,
    /// Keys of the options.
    pub keys: Vec<&'static str>,
}

impl Memory {
    /// Bytes of a number.
    const FLOAT: u128 = 4;

    /// Memory of networks with so many parameters, of all seeds: weights, gradients and Adam's two moments.
    #[must_use]
    pub fn of_networks(config: &Config, shapes: &[MlpShape], keys: &[&'static str]) -> Self {
        let params: usize = shapes.iter().map(|shape| shape.params()).sum();
        let keys = ["seeds"].iter().chain(keys).copied().collect();
        Self { bytes: 4 * Self::FLOAT * config.num_seeds() as u128 * params as u128, keys }
    }

    /// Memory of so many numbers for each state of a batch, of all seeds.
    #[must_use]
    pub fn of_states(config: &Config, numbers: usize) -> Self {
        let states =
            (config.num_seeds() * config.rollout.num_envs) as u128 * config.rollout.length as u128;
        let keys = vec!["seeds", "rollout.num_envs", "rollout.length"];
        Self { bytes: Self::FLOAT * states * numbers as u128, keys }
    }

    /// Memory of so many numbers for each extra action or state of a batch, of all seeds.
    #[must_use]
    pub fn of_extra(config: &Config, numbers: usize) -> Self {
        let mut memory = Self::of_states(config, numbers);
        memory.bytes *= config.estimator.num_actions as u128;
        memory.keys.push("estimator.num_actions");
        memory
    }

    /// Memory of the replay buffers. A buffer grows with the transitions that arrive.
    #[must_use]
    pub fn of_replay(config: &Config, sizes: Sizes) -> Self {
        let kept = (config.model.replay_capacity as u128).min(config.decisions.into());
        let row = (2 * sizes.observations + sizes.actions + 1) as u128;
        let keys = vec!["seeds", "model.replay_capacity", "decisions"];
        Self { bytes: Self::FLOAT * config.num_seeds() as u128 * kept * row, keys }
    }
}

/// What an estimator is built from.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The resolved configuration.
    pub config: &'a Config,
    /// Lengths of the task's vectors.
    pub sizes: Sizes,
    /// Device of the networks.
    pub device: Device,
}

/// What an estimator learns from in one iteration.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// The resolved configuration.
    pub config: &'a Config,
    /// The batch that was just collected.
    pub real: &'a RolloutBatch,
    /// Replay buffers, one a seed; empty unless the estimator [replays](Definition::replays).
    pub buffers: &'a [ReplayBuffer],
    /// Where the batch's transitions are in the buffers, one list a seed.
    pub newest: &'a [Vec<usize>],
    /// Scales of observations and rewards.
    pub normalisation: &'a Normalisation,
    /// Number of the iteration, the first being 0.
    pub iteration: u64,
    /// Learning rate of actor and critic in this iteration.
    pub learning_rate: f64,
}

/// Multiplications and additions of an estimator's matrix products, of one seed's iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Operations {
    /// While it learns.
    pub learning: f64,
    /// While it scores, beside the actor's forward pass through the states of the batch.
    pub scoring: f64,
    /// States that it adds to the batch of the update.
    pub added_states: f64,
}

/// Where the advantages of extra actions come from.
///
/// An estimator with extra actions implements [`advantages`](Self::advantages); one without, or with extra
/// states, implements [`score`](Self::score). What it learns is kept in [`networks`](Self::networks) and
/// [`save`](Self::save), from which a run is resumed to the same bytes.
pub trait Estimator: Debug + Send {
    /// Its definition.
    fn definition(&self) -> &'static Definition;

    /// Whether the estimator can be used in an iteration after which the run has taken `decisions`
    /// decisions. Until then the batch has the actions taken alone.
    fn is_ready(&self, _config: &Config, _decisions: u64) -> bool {
        true
    }

    /// Learns from the newest batch, and returns the one-step errors before that for each seed; none for an
    /// estimator without a model.
    fn learn(&mut self, _lesson: &Lesson<'_>) -> Vec<ModelError> {
        Vec::new()
    }

    /// Advantages `[S, T, N]` of extra raw actions `[S, T, N, A]`.
    ///
    /// # Errors
    /// [`task::Error`] of an environment, or when the estimator has no extra actions.
    fn advantages(&self, _context: &Context<'_>, _extra: &Tensor) -> Result<Tensor, task::Error> {
        let name = self.definition().name;
        Err(task::Error::Request(format!("the estimator {name} has no extra actions")))
    }

    /// Scores a batch: for each state the action taken and N extra ones, with log-probabilities and
    /// advantages.
    ///
    /// # Errors
    /// [`task::Error`] of an environment.
    fn score(&self, context: &Context<'_>) -> Result<ScoredBatch, task::Error> {
        let Context { actor, real, .. } = context;
        let mean = actor.predict(&real.obs).tanh();
        let extra = extra_actions(context, &mean);
        let values = self.advantages(context, &extra)?;
        let actions = Tensor::cat(&[&real.actions.unsqueeze(2), &extra], 2);
        let advantages = Tensor::cat(&[&real.advantages.unsqueeze(2), &values], 2);
        let log_probs = log_probs(&actions, &mean, &actor.extra());
        Ok(ScoredBatch { obs: real.obs.shallow_clone(), actions, log_probs, advantages })
    }

    /// Its networks with their names in checkpoints and messages.
    fn networks(&self) -> Vec<(&'static str, &Network)> {
        Vec::new()
    }

    /// The same networks, mutable.
    fn networks_mut(&mut self) -> Vec<(&'static str, &mut Network)> {
        Vec::new()
    }

    /// Whether the networks have learned anything.
    fn has_learned(&self) -> bool {
        true
    }

    /// The dynamics model, which an exported image contains.
    fn world_model(&self) -> Option<&WorldModel> {
        None
    }

    /// What a checkpoint has to hold beside the networks.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Restores what [`save`](Self::save) returned. False when the bytes are not of this estimator.
    fn restore(&mut self, bytes: &[u8]) -> bool {
        bytes.is_empty()
    }

    /// Cost of its matrix products, for `bench train`.
    fn operations(&self, _config: &Config, _actor: MlpShape, _critic: MlpShape) -> Operations {
        Operations::default()
    }
}
