//! The learned dynamics: a transition and a reward network on normalised observations (Sec. 4).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `z` | `[OBS]` | normalised observation |
//! | `raw` | `[ACT]` | raw action; the networks see it clamped to -1..1, as the environment does |
//! | `scale` | `[OBS]` | unit of each transition output |
//! | `z'` | `[OBS]` | predicted next observation, normalised and clipped like a real one |
//! | `r` | scalar | predicted reward, in the unit that the critic's values have |
//!
//! The transition network's output is either the next observation itself, as in the paper, or the
//! change of the observation in units of that change's deviation.

use crate::guard::limit;
use crate::{Mlp, mlp::MlpError};
use nalgebra::SVector;
use serde::{Deserialize, Serialize};

/// What the transition network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TransitionTarget {
    /// The next observation itself (the paper's).
    Next = 0,
    /// The change of the observation.
    Difference = 1,
}

impl TransitionTarget {
    /// The target with this number in an image, or `None` for an unknown one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Next),
            1 => Some(Self::Difference),
            _ => None,
        }
    }
}

/// Transition and reward networks with sizes known at compile time. `IN` is `OBS + ACT`.
#[derive(Clone, Debug)]
pub struct Dynamics<
    'w,
    const OBS: usize,
    const ACT: usize,
    const IN: usize,
    const TH: usize,
    const RH: usize,
> {
    /// Width `TH`, input `[z, action]`, output `[OBS]`.
    pub transition: Mlp<'w, IN, TH, OBS>,
    /// Width `RH`, input `[z, action]`, output the reward.
    pub reward: Mlp<'w, IN, RH, 1>,
    /// What the transition network predicts.
    pub target: TransitionTarget,
    /// Unit of each of its outputs.
    pub scale: SVector<f32, OBS>,
    /// Largest magnitude of a normalised observation.
    pub clip: f32,
}

impl<'w, const OBS: usize, const ACT: usize, const IN: usize, const TH: usize, const RH: usize>
    Dynamics<'w, OBS, ACT, IN, TH, RH>
{
    /// Predicted next observation and reward. Never panics. Cost: both networks' multiply-adds.
    #[must_use]
    pub fn step(&self, z: &SVector<f32, OBS>, raw: &SVector<f32, ACT>) -> (SVector<f32, OBS>, f32) {
        const { assert!(IN == OBS + ACT, "the dynamics' input is the observation and the action") };
        let mut input = SVector::<f32, IN>::zeros();
        let actions = raw.iter().map(|raw| limit(*raw, -1.0, 1.0));
        for (input, value) in input.iter_mut().zip(z.iter().copied().chain(actions)) {
            *input = value;
        }
        let mut next = self.transition.forward(&input).component_mul(&self.scale);
        if self.target == TransitionTarget::Difference {
            next += z;
        }
        (next.map(|value| limit(value, -self.clip, self.clip)), self.reward.forward(&input)[0])
    }

    /// Both networks over borrowed weights.
    ///
    /// # Errors
    /// [`MlpError`] when a slice does not fit its shape.
    pub fn new(
        (transition, reward): (&'w [f32], &'w [f32]),
        activation: crate::Activation,
        target: TransitionTarget,
        scale: SVector<f32, OBS>,
        clip: f32,
    ) -> Result<Self, MlpError> {
        let transition = Mlp::new(transition, activation)?;
        let reward = Mlp::new(reward, activation)?;
        Ok(Self { transition, reward, target, scale, clip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    // One observation, one action, one hidden unit. Transition: out = 2 relu(relu(z + a)) + 1.
    const TRANSITION: [f32; 7] = [1.0, 1.0, 0.0, 1.0, 0.0, 2.0, 1.0];
    // Reward: 3 relu(relu(a)) - 1.
    const REWARD: [f32; 7] = [0.0, 1.0, 0.0, 1.0, 0.0, 3.0, -1.0];

    fn step(target: TransitionTarget, z: f32, raw: f32) -> (f32, f32) {
        let scale = SVector::from([0.5]);
        let weights = (&TRANSITION[..], &REWARD[..]);
        let model =
            Dynamics::<1, 1, 2, 1, 1>::new(weights, Activation::Relu, target, scale, 4.0).unwrap();
        let (next, reward) = model.step(&SVector::from([z]), &SVector::from([raw]));
        (next[0], reward)
    }

    #[test]
    fn hand_computed_steps() {
        // Output 2 * (1 + 0.5) + 1 = 4, times scale 0.5 = 2; reward 3 * 0.5 - 1.
        assert_eq!(step(TransitionTarget::Next, 1.0, 0.5), (2.0, 0.5));
        assert_eq!(step(TransitionTarget::Difference, 1.0, 0.5), (3.0, 0.5));
    }

    #[test]
    fn actions_are_clamped_like_the_environments_and_observations_clipped() {
        assert_eq!(step(TransitionTarget::Next, 1.0, 7.0), step(TransitionTarget::Next, 1.0, 1.0));
        assert_eq!(step(TransitionTarget::Difference, 3.0, 1.0).0, 4.0);
    }
}
