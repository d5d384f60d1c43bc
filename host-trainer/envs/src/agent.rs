//! An agent: one seed's policy on the CPU, computed by `daa_core` as on the microcontroller.

use crate::running_stats::ObservationScale;
use daa_core::math::WeightType;
use daa_core::math::integer::DynIntegerMlp;
use daa_core::policy::{ActionLimits, DynNetwork, Head, PolicyError};
use daa_core::{Activation, DynMlp, DynPolicy, MlpShape, Normaliser};

/// A policy that owns its weights and observation statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Layer sizes of the network.
    pub shape: MlpShape,
    /// Activation function of the hidden layers.
    pub activation: Activation,
    /// Parameters of the network, then `log_std [A]`, as in an image.
    pub weights: Vec<f32>,
    /// Type of the network's weights. Integer weights are stored as floats with the same bits.
    pub weight_type: WeightType,
    /// Observation statistics.
    pub scale: ObservationScale,
    /// Limits of the actions.
    pub limits: Vec<ActionLimits>,
    /// Function after the last layer.
    pub head: Head,
}

impl Agent {
    /// An agent with single-precision weights whose actions are limited to -1 to 1.
    #[must_use]
    pub fn new(
        shape: MlpShape,
        activation: Activation,
        weights: Vec<f32>,
        scale: ObservationScale,
    ) -> Self {
        let limits = vec![ActionLimits { low: -1.0, high: 1.0 }; shape.output];
        let (weight_type, head) = (WeightType::F32, Head::Squash);
        Self { shape, activation, weights, weight_type, scale, limits, head }
    }

    /// The policy of `daa_core` with this agent's numbers; `inverse [D]` is scratch memory that lives as
    /// long.
    ///
    /// # Errors
    /// [`PolicyError`] where the sizes of the parts contradict each other.
    pub fn policy<'a>(&'a self, inverse: &'a mut [f32]) -> Result<DynPolicy<'a>, PolicyError> {
        let scale = &self.scale;
        let normaliser = Normaliser::new(&scale.mean, &scale.std, scale.clip, inverse)?;
        let words = self.weights.len().saturating_sub(self.shape.output);
        let (network, log_std) = self.weights.split_at(words);
        let network = match self.weight_type {
            WeightType::F32 => DynMlp::new(self.shape, network, self.activation)?.into(),
            kind => {
                let words = bytemuck::cast_slice(network);
                DynNetwork::from(DynIntegerMlp::new(self.shape, kind, self.activation, words)?)
            }
        };
        Ok(DynPolicy::new(network, log_std, normaliser, &self.limits)?.with_head(self.head))
    }
}
