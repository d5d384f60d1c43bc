//! The image's networks, with the sizes that this firmware was built for.

use crate::policy::{ACT, ARCHITECTURE, HIDDEN, OBS};
use daa_core::dynamics::Transition;
use daa_core::image::{Image, ImageError};
use daa_core::{Policy, SVector, supervisor};

/// Width of the transition network; 1 when the image has none, since no array is empty.
const TRANSITION: usize =
    if ARCHITECTURE.has_model() { ARCHITECTURE.transition_hidden as usize } else { 1 };

/// A policy and what predicts its consequences.
#[derive(Clone, Debug)]
pub struct Brain<'b> {
    policy: Policy<'b, OBS, HIDDEN, ACT>,
    transition: Option<Transition<'b, OBS, { OBS + ACT }, TRANSITION>>,
}

impl<'b> Brain<'b> {
    /// The networks of an image.
    ///
    /// # Errors
    /// [`ImageError`] when the image has other sizes than this firmware.
    pub fn new(image: &Image<'b>) -> Result<Self, ImageError> {
        Ok(Self { policy: image.policy()?, transition: image.transition()? })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy<'b, OBS, HIDDEN, ACT> {
        &self.policy
    }
}

impl supervisor::Brain<OBS, ACT> for Brain<'_> {
    #[inline(never)]
    fn act(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        #[cfg(feature = "planted")]
        planted(observation);
        self.policy.mode(observation)
    }

    fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS> {
        self.policy.normalise(observation)
    }

    #[inline(never)]
    fn predict(
        &self,
        z: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>> {
        self.transition.as_ref().map(|transition| transition.step(z, action))
    }

    fn network(&self, z: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.policy.network().forward(z)
    }
}

/// What no policy does, for the tests that must notice it: panics when the first signal
/// is above 2, hangs when it is below -2.
#[cfg(feature = "planted")]
fn planted(observation: &SVector<f32, OBS>) {
    let first = core::hint::black_box(observation[0]);
    let number = if first > 2.0 { OBS } else { 0 };
    core::hint::black_box(observation.as_slice()[core::hint::black_box(number)]);
    while first < -2.0 {
        core::hint::spin_loop();
    }
}
