//! AA: the extra actions' values from the simulator itself, rewound to each state.

use super::Context;
use crate::data::Units;
use crate::nn::to_vec;
use crate::rollout::{Branches, Fork, Rollout};
use daa_core::advantage::gae;
use daa_envs::agent::Agent;
use daa_envs::{self as task, State};
use std::sync::Arc;
use tch::Tensor;

/// The simulator and where to rewind it to.
#[derive(Debug)]
pub struct Rewind<'a> {
    /// Its environments stand afterwards where they stood.
    pub rollout: &'a Rollout,
    /// `[S, T]`, the episode before each decision: as many for every seed.
    pub states: &'a [State],
    /// The policies that acted.
    pub agents: &'a Arc<Vec<Agent>>,
    /// Of observations and rewards.
    pub units: &'a Units,
    /// Whether a time limit is a truncation.
    pub bootstrap_truncation: bool,
    /// Whether the actions of a state are followed by the same noise.
    pub common_noise: bool,
}

impl Rewind<'_> {
    /// Advantages `[S, T, N]` of extra raw actions `[S, T, N, A]`: generalised advantage estimates
    /// of trajectories of H steps in the rewound simulator.
    ///
    /// # Errors
    /// [`task::Error`] of an environment.
    pub fn advantages(&self, context: &Context<'_>, extra: &Tensor) -> Result<Tensor, task::Error> {
        let size = extra.size();
        let states = size[1] as usize;
        let rows = self.states.iter().enumerate();
        let branches = self.rollout.branch(Fork {
            agents: Arc::clone(self.agents),
            states: rows.map(|(row, state)| (row / states, state.clone())).collect(),
            actions: to_vec(extra),
            num_actions: context.num_actions,
            horizon: context.horizon,
            seeds: context.seeds.to_vec(),
            iteration: context.iteration,
            common_noise: self.common_noise,
            bootstrap_truncation: self.bootstrap_truncation,
        })?;
        let advantages = score(context, self.units, &branches, states * context.num_actions);
        Ok(Tensor::from_slice(&advantages).view(&size[..3]).to_device(extra.device()))
    }
}

/// An advantage for each branch; a seed has `per_seed` of them.
pub(super) fn score(
    context: &Context<'_>,
    units: &Units,
    branches: &Branches,
    per_seed: usize,
) -> Vec<f32> {
    let width = units.scales[0].mean.len();
    let start_values = to_vec(&context.real.values);
    let mut advantages = Vec::with_capacity(branches.lens.len());
    let mut first = 0;
    for (s, lens) in branches.lens.chunks(per_seed).enumerate() {
        let steps: usize = lens.iter().sum();
        let range = first..first + steps;
        first += steps;
        let observations = &branches.next_observations[range.start * width..range.end * width];
        let mut z = vec![0.0; observations.len()];
        let pairs = observations.chunks_exact(width).zip(z.chunks_exact_mut(width));
        pairs.for_each(|(raw, z)| units.scales[s].normalise(raw, z));
        let z = Tensor::from_slice(&z).view([1, steps as i64, width as i64]);
        let critic = context.critic.reader(&(s..s + 1));
        let next_values = to_vec(&critic.predict(&z.to_device(context.real.z.device())));
        let rewards = branches.rewards[range.clone()].iter();
        let rewards: Vec<f32> = rewards.map(|raw| units.reward(s, *raw)).collect();
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
        // Nothing is known of an action with which the simulation blew up at once.
        advantages.extend(starts.into_iter().map(|start| start.map_or(0.0, |at| all[at])));
    }
    advantages
}
