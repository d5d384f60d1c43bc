//! An image's networks with sizes known at run time: the bits are those of the firmware.

use anyhow::{Context, Result};
use daa_core::image::{Image, MAX_ACTIONS, MAX_OBSERVATIONS};
use daa_core::model::DynTransition;
use daa_core::supervisor;
use daa_core::{DynPolicy, SVector};
use daa_envs::agent::Agent;

/// A policy and the network that predicts the consequences of its actions.
///
/// The loop is compiled once, for the largest observations and actions that an image can have. Elements
/// beyond the task's are zero.
#[derive(Clone, Copy, Debug)]
pub struct Brain<'a> {
    agent: &'a Agent,
    policy: DynPolicy<'a>,
    transition: Option<DynTransition<'a>>,
}

impl<'a> Brain<'a> {
    /// The networks of an image; the policy is the agent's. `inverse [OBS]` is scratch.
    ///
    /// # Errors
    /// When the parts do not fit each other.
    pub fn new(image: &Image<'a>, agent: &'a Agent, inverse: &'a mut [f32]) -> Result<Self> {
        let transition = image.dyn_transition()?;
        let policy = agent.policy(inverse).context("the policy does not fit its parts")?;
        Ok(Self { agent, policy, transition })
    }
}

impl supervisor::Networks<MAX_OBSERVATIONS, MAX_ACTIONS> for Brain<'_> {
    fn act(&self, observation: &SVector<f32, MAX_OBSERVATIONS>) -> SVector<f32, MAX_ACTIONS> {
        let shape = self.agent.shape;
        let mut scratch = vec![0.0; self.policy.scratch_len()];
        let mut action = SVector::<f32, MAX_ACTIONS>::zeros();
        self.policy.mode(
            &observation.as_slice()[..shape.input],
            &mut scratch,
            &mut action.as_mut_slice()[..shape.output],
        );
        action
    }

    fn normalise(
        &self,
        observation: &SVector<f32, MAX_OBSERVATIONS>,
    ) -> SVector<f32, MAX_OBSERVATIONS> {
        let signals = self.agent.shape.input;
        let mut obs = SVector::<f32, MAX_OBSERVATIONS>::zeros();
        self.agent
            .scale
            .normalise(&observation.as_slice()[..signals], &mut obs.as_mut_slice()[..signals]);
        obs
    }

    fn predict(
        &self,
        obs: &SVector<f32, MAX_OBSERVATIONS>,
        action: &SVector<f32, MAX_ACTIONS>,
    ) -> Option<SVector<f32, MAX_OBSERVATIONS>> {
        let transition = self.transition.as_ref()?;
        let shape = self.agent.shape;
        let mut scratch = vec![0.0; transition.scratch_len()];
        let mut next = SVector::<f32, MAX_OBSERVATIONS>::zeros();
        transition.step(
            &obs.as_slice()[..shape.input],
            &action.as_slice()[..shape.output],
            &mut scratch,
            &mut next.as_mut_slice()[..shape.input],
        );
        Some(next)
    }

    /// Only measurements call this method, and this machine has no clock to measure with.
    fn network(&self, _obs: &SVector<f32, MAX_OBSERVATIONS>) -> SVector<f32, MAX_ACTIONS> {
        SVector::zeros()
    }
}
