//! Who supplies the extra actions: the one line that differs between PPO, AA, QAA, DAA and simulated
//! states.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `z` | `[S, T, D]` | normalised observations of the real rollout |
//! | `actions` | `[S, B, K, A]` | raw; the real action first, then the N extra ones: K = N + 1 |
//! | `log_probs`, `advantages` | `[S, B, K]` | of those actions, under the policy that acted |
//!
//! B is T, but for simulated states, which add N T states with one action each.

mod imagined;
mod noise;
mod q_network;
mod rewind;
#[cfg(test)]
mod tests;

pub use imagined::Learned;
pub use noise::extra_actions;
pub use q_network::QNetwork;
pub use rewind::Rewind;

use crate::config::NoiseScheme;
use crate::data::{RealRollout, Samples};
use crate::gaussian::log_probs;
use crate::nn::Network;
use daa_core::advantage::Discount;
use daa_envs as task;
use tch::Tensor;

/// What every estimator works with.
#[derive(Debug)]
pub struct Context<'a> {
    /// The policy that acted.
    pub actor: &'a Network,
    /// Its critic.
    pub critic: &'a Network,
    /// What it did.
    pub real: &'a RealRollout,
    /// Gamma and lambda.
    pub discount: Discount,
    /// N
    pub num_actions: usize,
    /// H
    pub horizon: usize,
    /// How the N actions are drawn.
    pub noise: NoiseScheme,
    /// Of the run.
    pub seeds: &'a [u64],
    /// Of the run: chooses the noise.
    pub iteration: u64,
    /// Worker threads.
    pub threads: usize,
}

/// Where the values of extra actions come from.
#[derive(Debug)]
pub enum Estimator<'a> {
    /// Nowhere: the action taken is the only one (PPO).
    Single,
    /// The simulator, rewound to each state (AA): no bias but the critic's beyond H steps.
    Rewind(Rewind<'a>),
    /// A network of the action's value (QAA).
    QNetwork(&'a QNetwork),
    /// Imagined trajectories through a learned model (DAA, Sec. 4).
    Dynamics(Learned<'a>),
    /// The model's states instead of more actions (Sec. 5.2, Fig. 4): T real ones and N T imagined.
    SimulatedStates(Learned<'a>),
}

impl Estimator<'_> {
    /// All actions of every state, with log-probabilities and advantages.
    ///
    /// # Errors
    /// [`task::Error`] where the simulator is rewound.
    pub fn samples(&self, context: &Context<'_>) -> Result<Samples, task::Error> {
        let Context { actor, real, .. } = context;
        let mean = actor.predict(&real.z).tanh();
        let (z, actions, advantages) = match self {
            Self::Single => {
                let (actions, advantages) =
                    (real.actions.unsqueeze(2), real.advantages.unsqueeze(2));
                (real.z.shallow_clone(), actions, advantages)
            }
            Self::SimulatedStates(learned) => {
                return Ok(self.with_states(context, &mean, learned));
            }
            Self::Rewind(_) | Self::QNetwork(_) | Self::Dynamics(_) => {
                let extra = extra_actions(context, &mean);
                let values = match self {
                    Self::Rewind(rewind) => rewind.advantages(context, &extra)?,
                    Self::QNetwork(q) => q.advantages(context, &extra),
                    Self::Dynamics(learned) => learned.advantages(context, &extra),
                    Self::Single | Self::SimulatedStates(_) => unreachable!("handled above"),
                };
                let actions = Tensor::cat(&[&real.actions.unsqueeze(2), &extra], 2);
                let advantages = Tensor::cat(&[&real.advantages.unsqueeze(2), &values], 2);
                (real.z.shallow_clone(), actions, advantages)
            }
        };
        let log_probs = log_probs(&actions, &mean, &actor.extra());
        Ok(Samples { z, actions, log_probs, advantages })
    }

    fn with_states(&self, context: &Context<'_>, mean: &Tensor, learned: &Learned<'_>) -> Samples {
        let Context { actor, real, .. } = context;
        let simulated = learned.states(context, &extra_actions(context, mean));
        let join = |real: &Tensor, simulated: &Tensor| Tensor::cat(&[real, simulated], 1);
        let z = join(&real.z, &simulated.z);
        let actions = join(&real.actions, &simulated.actions).unsqueeze(2);
        let advantages = join(&real.advantages, &simulated.advantages).unsqueeze(2);
        let mean = Tensor::cat(&[mean, &actor.predict(&simulated.z).tanh()], 1);
        let log_probs = log_probs(&actions, &mean, &actor.extra());
        Samples { z, actions, log_probs, advantages }
    }
}
