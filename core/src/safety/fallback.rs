//! Fallback controllers, which act while the policy is not trusted.

use crate::policy::ActionLimits;
use nalgebra::SVector;

/// A controller without a policy. Every function with this signature is a fallback controller.
pub trait Fallback<const OBS: usize, const ACT: usize> {
    /// A command in the metadata's units. `observation` is `None` when the guard refused the observation.
    /// The result `None` makes the actuators safe. The output guard checks the command like the policy's.
    fn command(&mut self, observation: Option<&SVector<f32, OBS>>) -> Option<SVector<f32, ACT>>;
}

impl<const OBS: usize, const ACT: usize, F> Fallback<OBS, ACT> for F
where
    F: FnMut(Option<&SVector<f32, OBS>>) -> Option<SVector<f32, ACT>>,
{
    fn command(&mut self, observation: Option<&SVector<f32, OBS>>) -> Option<SVector<f32, ACT>> {
        self(observation)
    }
}

/// Linear feedback: `action = rest - gain (observation - target)`; no command without an observation.
///
/// ```
/// use daa_core::SVector;
/// use daa_core::safety::fallback::{Fallback, LinearFeedback};
/// let mut feedback = LinearFeedback {
///     gain: [[2.0, 0.5]],
///     target: SVector::from([1.0, 0.0]),
///     rest: SVector::from([0.25]),
/// };
/// // 0.25 - 2 (3 - 1) - 0.5 (4 - 0)
/// assert_eq!(feedback.command(Some(&SVector::from([3.0, 4.0]))), Some(SVector::from([-5.75])));
/// assert_eq!(feedback.command(None), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearFeedback<const OBS: usize, const ACT: usize> {
    /// `[ACT][OBS]` gains.
    pub gain: [[f32; OBS]; ACT],
    /// The desired observation.
    pub target: SVector<f32, OBS>,
    /// The action at the desired observation.
    pub rest: SVector<f32, ACT>,
}

impl<const OBS: usize, const ACT: usize> Fallback<OBS, ACT> for LinearFeedback<OBS, ACT> {
    fn command(&mut self, observation: Option<&SVector<f32, OBS>>) -> Option<SVector<f32, ACT>> {
        let observation = observation?;
        let mut action = self.rest;
        for (action, gain) in action.iter_mut().zip(&self.gain) {
            for ((gain, x), target) in gain.iter().zip(observation.iter()).zip(self.target.iter()) {
                *action -= gain * (x - target);
            }
        }
        Some(action)
    }
}

/// A constant action; no command without an observation.
///
/// ```
/// use daa_core::SVector;
/// use daa_core::safety::fallback::{Fallback, Rest};
/// use daa_core::policy::ActionLimits;
/// let mut rest = Rest::in_the_middle(&[ActionLimits { low: -1.0, high: 3.0 }]);
/// assert_eq!(rest.command(Some(&SVector::from([3.0, 4.0]))), Some(SVector::from([1.0])));
/// assert_eq!(Fallback::<2, 1>::command(&mut rest, None), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest<const ACT: usize> {
    /// The constant action.
    pub action: SVector<f32, ACT>,
}

impl<const ACT: usize> Rest<ACT> {
    /// The action in the middle of every range.
    #[must_use]
    pub fn in_the_middle(limits: &[ActionLimits; ACT]) -> Self {
        Self { action: limits.map(|limits| 0.5 * (limits.low + limits.high)).into() }
    }
}

impl<const OBS: usize, const ACT: usize> Fallback<OBS, ACT> for Rest<ACT> {
    fn command(&mut self, observation: Option<&SVector<f32, OBS>>) -> Option<SVector<f32, ACT>> {
        observation.map(|_| self.action)
    }
}
