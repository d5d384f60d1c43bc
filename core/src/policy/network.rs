//! A policy's network, with weights of either kind.

use crate::math::integer::{DynIntegerMlp, IntegerMlpInner};
use crate::math::mlp::MlpInner;
use crate::math::sizes::{Fixed, MlpShape, Sizes};
use nalgebra::SVector;

/// A policy's network with sizes `S`, with weights of either kind: [`Network`] or [`DynNetwork`].
#[derive(Clone, Copy, Debug)]
pub enum NetworkInner<'w, S> {
    /// Float weights, with the trainer's bits.
    Float(MlpInner<'w, S>),
    /// Integer weights, quantised from the float weights to save flash and time.
    Integer(IntegerMlpInner<'w, S>),
}

/// A policy's network whose sizes are known at compile time.
pub type Network<'w, const OBS: usize, const HIDDEN: usize, const ACT: usize> =
    NetworkInner<'w, Fixed<OBS, HIDDEN, ACT>>;

/// A policy's network whose sizes are known only at run time.
pub type DynNetwork<'w> = NetworkInner<'w, MlpShape>;

impl<'w, S> From<MlpInner<'w, S>> for NetworkInner<'w, S> {
    fn from(network: MlpInner<'w, S>) -> Self {
        Self::Float(network)
    }
}

impl<'w, S> From<IntegerMlpInner<'w, S>> for NetworkInner<'w, S> {
    fn from(network: IntegerMlpInner<'w, S>) -> Self {
        Self::Integer(network)
    }
}

impl<S: Sizes> NetworkInner<'_, S> {
    /// The outputs for one normalised observation. Never panics.
    #[must_use]
    #[inline]
    pub fn outputs(&self, obs: &S::Input) -> S::Output {
        match self {
            Self::Float(network) => network.outputs(obs),
            Self::Integer(network) => network.outputs(obs),
        }
    }

    pub(super) fn sizes(&self) -> S {
        match self {
            Self::Float(network) => network.sizes(),
            Self::Integer(network) => network.sizes(),
        }
    }
}

impl<const OBS: usize, const HIDDEN: usize, const ACT: usize> Network<'_, OBS, HIDDEN, ACT> {
    /// The outputs for one normalised observation. Never panics.
    #[must_use]
    #[inline]
    pub fn forward(&self, obs: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        match self {
            Self::Float(network) => network.forward(obs),
            Self::Integer(network) => network.forward(obs),
        }
    }
}

impl DynNetwork<'_> {
    pub(super) fn scratch_len(&self) -> usize {
        match self {
            Self::Float(network) => 2 * network.shape().hidden,
            Self::Integer(network) => DynIntegerMlp::scratch_words(network.shape()),
        }
    }

    pub(super) fn forward(&self, obs: &[f32], scratch: &mut [f32], y: &mut [f32]) {
        match self {
            Self::Float(network) => network.forward(obs, scratch, y),
            Self::Integer(network) => network.forward(obs, bytemuck::cast_slice_mut(scratch), y),
        }
    }
}
