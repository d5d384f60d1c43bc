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
use crate::{Mlp, MlpSlice, mlp::MlpError};
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
        let input = input(z, raw);
        let transition = Transition {
            network: self.transition,
            target: self.target,
            scale: self.scale,
            clip: self.clip,
        };
        (transition.predict(z, &input), self.reward.forward(&input)[0])
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

fn input<const OBS: usize, const ACT: usize, const IN: usize>(
    z: &SVector<f32, OBS>,
    raw: &SVector<f32, ACT>,
) -> SVector<f32, IN> {
    const { assert!(IN == OBS + ACT, "the dynamics' input is the observation and the action") };
    let mut input = SVector::<f32, IN>::zeros();
    let actions = raw.iter().map(|raw| limit(*raw, -1.0, 1.0));
    for (input, value) in input.iter_mut().zip(z.iter().copied().chain(actions)) {
        *input = value;
    }
    input
}

/// One element of the next observation, from the network's output.
#[inline]
fn element(output: f32, scale: f32, z: f32, target: TransitionTarget, clip: f32) -> f32 {
    let change = output * scale;
    let next = if target == TransitionTarget::Difference { change + z } else { change };
    limit(next, -clip, clip)
}

/// The transition network alone: what the [monitor](crate::monitor) needs.
#[derive(Clone, Debug)]
pub struct Transition<'w, const OBS: usize, const IN: usize, const TH: usize> {
    /// Width `TH`, input `[z, action]`, output `[OBS]`.
    pub network: Mlp<'w, IN, TH, OBS>,
    /// What it predicts.
    pub target: TransitionTarget,
    /// Unit of each of its outputs.
    pub scale: SVector<f32, OBS>,
    /// Largest magnitude of a normalised observation.
    pub clip: f32,
}

impl<const OBS: usize, const IN: usize, const TH: usize> Transition<'_, OBS, IN, TH> {
    /// Predicted next observation. Never panics. Cost: the network's multiply-adds.
    #[must_use]
    pub fn step<const ACT: usize>(
        &self,
        z: &SVector<f32, OBS>,
        raw: &SVector<f32, ACT>,
    ) -> SVector<f32, OBS> {
        self.predict(z, &input(z, raw))
    }

    fn predict(&self, z: &SVector<f32, OBS>, input: &SVector<f32, IN>) -> SVector<f32, OBS> {
        let mut next = self.network.forward(input);
        for ((next, scale), z) in next.iter_mut().zip(self.scale.iter()).zip(z.iter()) {
            *next = element(*next, *scale, *z, self.target, self.clip);
        }
        next
    }
}

/// [`Transition`] with sizes known only at run time: the workstation's, same arithmetic.
#[derive(Clone, Copy, Debug)]
pub struct TransitionSlice<'w> {
    /// Input `[z, action]`, output `[OBS]`.
    pub network: MlpSlice<'w>,
    /// What it predicts.
    pub target: TransitionTarget,
    /// `[OBS]` units of its outputs.
    pub scale: &'w [f32],
    /// Largest magnitude of a normalised observation.
    pub clip: f32,
}

impl TransitionSlice<'_> {
    /// Elements of scratch that [`step`](Self::step) needs.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        self.network.shape().input + 2 * self.network.shape().hidden
    }

    /// Writes the predicted next observation into `next`.
    ///
    /// # Panics
    /// When a slice is not of the network's size.
    pub fn step(&self, z: &[f32], raw: &[f32], scratch: &mut [f32], next: &mut [f32]) {
        let (input, hidden) = scratch.split_at_mut(self.network.shape().input);
        let (observation, action) = input.split_at_mut(z.len());
        observation.copy_from_slice(z);
        action.iter_mut().zip(raw).for_each(|(a, raw)| *a = limit(*raw, -1.0, 1.0));
        self.network.forward(input, hidden, next);
        for ((next, scale), z) in next.iter_mut().zip(self.scale).zip(z) {
            *next = element(*next, *scale, *z, self.target, self.clip);
        }
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

    #[test]
    fn sizes_known_at_run_time_give_the_same_bits() {
        let shape = crate::MlpShape::new(3, 7, 2);
        let weights: std::vec::Vec<f32> =
            (0..shape.params()).map(|i| libm::sinf(1.7 * i as f32)).collect();
        let (scale, clip) = ([0.5, 2.0], 1.5);
        for target in [TransitionTarget::Next, TransitionTarget::Difference] {
            let typed = Transition::<2, 3, 7> {
                network: Mlp::new(&weights, Activation::Silu).unwrap(),
                target,
                scale: SVector::from(scale),
                clip,
            };
            let network = MlpSlice::new(shape, &weights, Activation::Silu).unwrap();
            let slice = TransitionSlice { network, target, scale: &scale, clip };
            let (mut scratch, mut next) = (std::vec![0.0; slice.scratch_len()], [0.0; 2]);
            for i in 0..50 {
                let z = [libm::sinf(i as f32), 0.1 * i as f32 - 2.0];
                let raw = [0.07 * i as f32 - 2.0];
                slice.step(&z, &raw, &mut scratch, &mut next);
                assert_eq!(typed.step(&SVector::from(z), &SVector::from(raw)), SVector::from(next));
            }
        }
    }
}
