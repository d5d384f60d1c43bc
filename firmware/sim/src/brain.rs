//! An image's networks with sizes known at run time: the bits are those of the firmware's.

use anyhow::{Context, Result};
use daa_core::dynamics::TransitionSlice;
use daa_core::image::Image;
use daa_core::{MlpSlice, PolicySlice, SVector, supervisor};
use daa_envs::agent::Agent;

/// A policy and what predicts its consequences.
#[derive(Clone, Copy, Debug)]
pub struct Brain<'a> {
    agent: &'a Agent,
    policy: PolicySlice<'a>,
    transition: Option<TransitionSlice<'a>>,
}

impl<'a> Brain<'a> {
    /// The networks of an image; the policy is the agent's. `inverse [OBS]` is scratch.
    ///
    /// # Errors
    /// When the parts do not fit each other.
    pub fn new(image: &Image<'a>, agent: &'a Agent, inverse: &'a mut [f32]) -> Result<Self> {
        let architecture = image.architecture();
        let transition = if architecture.has_model() {
            let weights = image.transition_weights();
            let activation = architecture.model_activation;
            Some(TransitionSlice {
                network: MlpSlice::new(architecture.transition(), weights, activation)?,
                target: architecture.transition_target,
                scale: image.transition_scale(),
                clip: image.passport().observation_clip,
            })
        } else {
            None
        };
        let policy = agent.policy(inverse).context("the policy does not fit its parts")?;
        Ok(Self { agent, policy, transition })
    }
}

impl<const OBS: usize, const ACT: usize> supervisor::Brain<OBS, ACT> for Brain<'_> {
    fn act(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        let (mut scratch, mut action) =
            (vec![0.0; self.policy.scratch_len()], SVector::<f32, ACT>::zeros());
        self.policy.mode(observation.as_slice(), &mut scratch, action.as_mut_slice());
        action
    }

    fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS> {
        let mut z = SVector::<f32, OBS>::zeros();
        self.agent.scale.normalise(observation.as_slice(), z.as_mut_slice());
        z
    }

    fn predict(
        &self,
        z: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>> {
        let transition = self.transition.as_ref()?;
        let (mut scratch, mut next) =
            (vec![0.0; transition.scratch_len()], SVector::<f32, OBS>::zeros());
        transition.step(z.as_slice(), action.as_slice(), &mut scratch, next.as_mut_slice());
        Some(next)
    }

    fn network(&self, z: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        // Only ever measured, and here there is no clock to measure by.
        let _ = z;
        SVector::zeros()
    }
}
