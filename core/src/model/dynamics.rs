//! The learned dynamics: a transition and a reward network on normalised observations (Sec. 4).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs` | `[OBS]` | normalised observation |
//! | `raw` | `[ACT]` | raw action; the networks see it clamped to -1..1, as the environment does |
//! | `scale` | `[OBS]` | unit of each transition output |
//! | `next` | `[OBS]` | predicted next observation, normalised and clipped like a real one |
//! | `reward` | scalar | predicted reward, in the unit that the critic's values have |
//!
//! The transition network's output is either the next observation itself, as in the paper, or the
//! change of the observation in units of that change's standard deviation.

use super::transition::{TransitionInner, TransitionTarget};
use crate::math::mlp::{MlpError, MlpInner};
use crate::math::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use crate::math::{Activation, Mlp};
use nalgebra::SVector;

/// A transition network with sizes `T` and a reward network with sizes `R`: [`Dynamics`] or
/// [`DynDynamics`].
#[derive(Clone, Copy, Debug)]
pub struct DynamicsInner<'w, T: Sizes, R> {
    /// Predicts the next observation.
    pub transition: TransitionInner<'w, T>,
    /// Input `[obs, action]`, output the reward.
    pub reward: MlpInner<'w, R>,
}

/// Transition and reward networks whose sizes are known at compile time: widths `TH` and `RH`; `IN` is
/// `OBS + ACT`.
pub type Dynamics<'w, const OBS: usize, const IN: usize, const TH: usize, const RH: usize> =
    DynamicsInner<'w, Fixed<IN, TH, OBS>, Fixed<IN, RH, 1>>;

/// Transition and reward networks whose sizes are known only at run time.
pub type DynDynamics<'w> = DynamicsInner<'w, MlpShape, MlpShape>;

impl<T: Sizes, R: Sizes<Input = T::Input>> DynamicsInner<'_, T, R> {
    /// Predicted next observation and reward, of vectors with the networks' sizes. Never panics. Cost:
    /// both networks' multiply-adds.
    #[must_use]
    pub(crate) fn predict(&self, obs: &[f32], raw: &[f32]) -> (T::Output, f32) {
        let input = self.transition.input(obs, raw);
        let reward = self.reward.outputs(&input);
        let reward = reward.as_slice().first().copied().unwrap_or(f32::NAN);
        (self.transition.predict(obs, &input), reward)
    }
}

impl<'w, const OBS: usize, const IN: usize, const TH: usize, const RH: usize>
    Dynamics<'w, OBS, IN, TH, RH>
{
    /// Predicted next observation and reward. Never panics. Cost: both networks' multiply-adds.
    #[must_use]
    pub fn step<const ACT: usize>(
        &self,
        obs: &SVector<f32, OBS>,
        raw: &SVector<f32, ACT>,
    ) -> (SVector<f32, OBS>, f32) {
        const { assert!(IN == OBS + ACT, "the dynamics' input is the observation and the action") };
        self.predict(obs.as_slice(), raw.as_slice())
    }

    /// Both networks over borrowed weights.
    ///
    /// # Errors
    /// [`MlpError`] when a slice does not fit its shape.
    pub fn new(
        (transition, reward): (&'w [f32], &'w [f32]),
        activation: Activation,
        target: TransitionTarget,
        scale: SVector<f32, OBS>,
        clip: f32,
    ) -> Result<Self, MlpError> {
        let network = Mlp::new(transition, activation)?;
        let reward = Mlp::new(reward, activation)?;
        let transition = TransitionInner { network, target, scale: scale.into(), clip };
        Ok(Self { transition, reward })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One observation, one action, one hidden unit. Transition: out = 2 relu(relu(z + a)) + 1.
    const TRANSITION: [f32; 7] = [1.0, 1.0, 0.0, 1.0, 0.0, 2.0, 1.0];
    // Reward: 3 relu(relu(a)) - 1.
    const REWARD: [f32; 7] = [0.0, 1.0, 0.0, 1.0, 0.0, 3.0, -1.0];

    fn step(target: TransitionTarget, z: f32, raw: f32) -> (f32, f32) {
        let scale = SVector::from([0.5]);
        let weights = (&TRANSITION[..], &REWARD[..]);
        let model =
            Dynamics::<1, 2, 1, 1>::new(weights, Activation::Relu, target, scale, 4.0).unwrap();
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
