//! AA: the extra actions' values from the simulator itself, rewound to each state.

use super::context::Context;
use super::interface::{Definition, Estimator, Extra, Memory};
use crate::nn::to_vec;
use crate::rollout::{Branches, Fork};
use daa_core::math::advantage::gae;
use daa_envs as task;
use std::sync::Arc;
use tch::Tensor;

/// The estimator `rewind`.
pub(super) static DEFINITION: Definition = Definition {
    name: "rewind",
    report_name: "AA-{}",
    help: "extra actions, scored by trajectories of the simulator, rewound to each state (AA)",
    extra: Extra::Actions,
    has_horizon: true,
    has_model: false,
    replays: false,
    rewinds: true,
    memory: |config, sizes| vec![Memory::of_extra(config, sizes.actions + 1)],
    build: |_| Box::new(Rewind),
};

/// Rewinds the simulator: no bias but the critic's beyond H steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewind;

impl Estimator for Rewind {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    /// Generalised advantage estimates of trajectories of H steps in the rewound simulator.
    fn advantages(&self, context: &Context<'_>, extra: &Tensor) -> Result<Tensor, task::Error> {
        let simulator = context.simulator.ok_or_else(|| {
            task::Error::Request("the estimator rewind needs a simulator".to_owned())
        })?;
        let size = extra.size();
        let states = size[1] as usize;
        let rows = simulator.states.iter().enumerate();
        let branches = simulator.rollout.branch(Fork {
            agents: Arc::clone(simulator.agents),
            states: rows.map(|(row, state)| (row / states, state.clone())).collect(),
            actions: to_vec(extra),
            num_actions: context.num_actions,
            horizon: context.horizon,
            seeds: context.seeds.to_vec(),
            iteration: context.iteration,
            common_noise: simulator.common_noise,
            bootstrap_truncation: simulator.bootstrap_truncation,
        })?;
        let advantages = score(context, &branches, states * context.num_actions);
        Ok(Tensor::from_slice(&advantages).view(&size[..3]).to_device(extra.device()))
    }
}

/// An advantage for each branch; a seed has `per_seed` of them.
pub(super) fn score(context: &Context<'_>, branches: &Branches, per_seed: usize) -> Vec<f32> {
    let normalisation = context.normalisation;
    let width = normalisation.scales[0].mean.len();
    let start_values = to_vec(&context.real.values);
    let mut advantages = Vec::with_capacity(branches.lens.len());
    let mut first = 0;
    for (s, lens) in branches.lens.chunks(per_seed).enumerate() {
        let steps: usize = lens.iter().sum();
        let range = first..first + steps;
        first += steps;
        let observations = &branches.next_observations[range.start * width..range.end * width];
        let mut obs = vec![0.0; observations.len()];
        let pairs = observations.chunks_exact(width).zip(obs.chunks_exact_mut(width));
        pairs.for_each(|(raw, obs)| normalisation.scales[s].normalise(raw, obs));
        let obs = Tensor::from_slice(&obs).view([1, steps as i64, width as i64]);
        let critic = context.critic.reader(&(s..s + 1));
        let next_values = to_vec(&critic.predict(&obs.to_device(context.real.obs.device())));
        let rewards = branches.rewards[range.clone()].iter();
        let rewards: Vec<f32> = rewards.map(|raw| normalisation.reward(s, *raw)).collect();
        // The value of each step's state: the real one's, then what followed the step before.
        let mut values = Vec::with_capacity(steps);
        let mut starts = Vec::with_capacity(lens.len());
        for (branch, len) in lens.iter().enumerate() {
            let start = values.len();
            starts.push((*len > 0).then_some(start));
            let row = (s * per_seed + branch) / context.num_actions;
            for step in 0..*len {
                let before = start + step;
                values.push(if step == 0 { start_values[row] } else { next_values[before - 1] });
            }
        }
        let mut all = vec![0.0; steps];
        let ends = &branches.ends[range];
        gae(&rewards, &values, &next_values, ends, context.discount, &mut all);
        // An action after which the simulation diverges at once has no estimate: 0.
        advantages.extend(starts.into_iter().map(|start| start.map_or(0.0, |at| all[at])));
    }
    advantages
}
