//! PPO: no extra actions. The action taken is the only one.

use super::context::Context;
use super::interface::{Definition, Estimator, Extra};
use crate::data::ScoredBatch;
use crate::gaussian::log_probs;
use daa_envs as task;

/// The estimator `single`.
pub(super) static DEFINITION: Definition = Definition {
    name: "single",
    report_name: "{}",
    help: "no extra actions: each state has the action taken (PPO)",
    extra: Extra::Nothing,
    has_horizon: false,
    has_model: false,
    replays: false,
    rewinds: false,
    memory: |_, _| Vec::new(),
    build: |_| Box::new(Single),
};

/// The action taken, with its generalised advantage estimate.
#[derive(Clone, Copy, Debug)]
pub struct Single;

impl Estimator for Single {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn score(&self, context: &Context<'_>) -> Result<ScoredBatch, task::Error> {
        let Context { actor, real, .. } = context;
        let mean = actor.predict(&real.obs).tanh();
        let (actions, advantages) = (real.actions.unsqueeze(2), real.advantages.unsqueeze(2));
        let log_probs = log_probs(&actions, &mean, &actor.extra());
        Ok(ScoredBatch { obs: real.obs.shallow_clone(), actions, log_probs, advantages })
    }
}
