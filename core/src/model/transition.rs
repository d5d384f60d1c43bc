//! The learned transition network: predicts the next normalised observation.

use crate::math::limit;
use crate::math::mlp::MlpInner;
use crate::math::sizes::{Fixed, MlpShape, Sizes, Vector as _};
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

/// A transition network with sizes `S`: [`Transition`] or [`DynTransition`]. The monitor of predictions
/// needs this network alone.
#[derive(Clone, Copy, Debug)]
pub struct TransitionInner<'w, S: Sizes> {
    /// Input `[obs, action]`, output `[OBS]`.
    pub network: MlpInner<'w, S>,
    /// What the network predicts.
    pub target: TransitionTarget,
    /// `[OBS]` units of the network's outputs.
    pub scale: S::Outputs<'w, f32>,
    /// Largest magnitude of a normalised observation.
    pub clip: f32,
}

/// A transition network whose sizes are known at compile time. `IN` is `OBS + ACT`.
pub type Transition<'w, const OBS: usize, const IN: usize, const TH: usize> =
    TransitionInner<'w, Fixed<IN, TH, OBS>>;

/// A transition network whose sizes are known only at run time.
pub type DynTransition<'w> = TransitionInner<'w, MlpShape>;

impl<S: Sizes> TransitionInner<'_, S> {
    /// The networks' input: the observation, and the action clamped to -1..1.
    #[inline]
    pub(super) fn input(&self, obs: &[f32], raw: &[f32]) -> S::Input {
        let mut input = self.network.sizes().input();
        join(obs, raw, input.as_mut_slice());
        input
    }

    /// The next observation, from the networks' input.
    #[inline]
    pub(super) fn predict(&self, obs: &[f32], input: &S::Input) -> S::Output {
        let mut next = self.network.outputs(input);
        self.finish(obs, next.as_mut_slice());
        next
    }

    /// Turns the network's outputs into the next observation.
    #[inline]
    fn finish(&self, obs: &[f32], next: &mut [f32]) {
        for ((next, scale), obs) in next.iter_mut().zip(self.scale.as_ref()).zip(obs) {
            let change = *next * scale;
            let sum =
                if self.target == TransitionTarget::Difference { change + obs } else { change };
            *next = limit(sum, -self.clip, self.clip);
        }
    }
}

impl<const OBS: usize, const IN: usize, const TH: usize> Transition<'_, OBS, IN, TH> {
    /// Predicted next observation. Never panics. Cost: the network's multiply-adds.
    #[must_use]
    pub fn step<const ACT: usize>(
        &self,
        obs: &SVector<f32, OBS>,
        raw: &SVector<f32, ACT>,
    ) -> SVector<f32, OBS> {
        const { assert!(IN == OBS + ACT, "the dynamics' input is the observation and the action") };
        self.predict(obs.as_slice(), &self.input(obs.as_slice(), raw.as_slice()))
    }
}

impl DynTransition<'_> {
    /// Elements of scratch that [`step`](Self::step) needs.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        self.network.shape().input + 2 * self.network.shape().hidden
    }

    /// Writes the predicted next observation into `next`.
    ///
    /// # Panics
    /// When `scratch` is shorter than [`scratch_len`](Self::scratch_len). Other slices of wrong lengths
    /// give NaN.
    pub fn step(&self, obs: &[f32], raw: &[f32], scratch: &mut [f32], next: &mut [f32]) {
        let (input, hidden) = scratch.split_at_mut(self.network.shape().input);
        join(obs, raw, input);
        self.network.forward(input, hidden, next);
        self.finish(obs, next);
    }
}

/// Writes `[obs, clamp(raw, -1, 1)]` into `input`.
#[inline]
fn join(obs: &[f32], raw: &[f32], input: &mut [f32]) {
    let action = raw.iter().map(|raw| limit(*raw, -1.0, 1.0));
    for (input, value) in input.iter_mut().zip(obs.iter().copied().chain(action)) {
        *input = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Activation, DynMlp, Mlp};

    #[test]
    fn sizes_known_at_run_time_give_the_same_bits() {
        let shape = MlpShape::new(3, 7, 2);
        let weights: std::vec::Vec<f32> =
            (0..shape.params()).map(|i| libm::sinf(1.7 * i as f32)).collect();
        let (scale, clip) = ([0.5, 2.0], 1.5);
        for target in [TransitionTarget::Next, TransitionTarget::Difference] {
            let typed = Transition::<2, 3, 7> {
                network: Mlp::new(&weights, Activation::Silu).unwrap(),
                target,
                scale,
                clip,
            };
            let network = DynMlp::new(shape, &weights, Activation::Silu).unwrap();
            let slice = DynTransition { network, target, scale: &scale, clip };
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
