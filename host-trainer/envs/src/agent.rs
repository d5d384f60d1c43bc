//! One seed's policy on the CPU, acting through `core`.

use crate::running_stats::ObservationScale;
use daa_core::integer::{IntegerMlp, WeightType};
use daa_core::policy::{ActionLimits, Head, NetworkSlice, PolicyError};
use daa_core::{Activation, MlpShape, MlpSlice, Normaliser, PolicySlice};

/// Weights and statistics of a policy, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Sizes of the network.
    pub shape: MlpShape,
    /// Function between its layers.
    pub activation: Activation,
    /// Parameters of the network, then `log_std [A]`, as in an image.
    pub weights: Vec<f32>,
    /// What `weights` are: of integers, the words of the network come as the floats of their bits.
    pub weight_type: WeightType,
    /// Observation statistics.
    pub scale: ObservationScale,
    /// Limits of the actions.
    pub limits: Vec<ActionLimits>,
    /// Behind the last layer.
    pub head: Head,
}

impl Agent {
    /// An agent whose actions are in normalised control, -1 to 1.
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

    /// `core`'s policy over this agent; `inverse [D]` is scratch that lives as long.
    ///
    /// # Errors
    /// [`PolicyError`] when the parts do not fit each other.
    pub fn policy<'a>(&'a self, inverse: &'a mut [f32]) -> Result<PolicySlice<'a>, PolicyError> {
        let scale = &self.scale;
        let normaliser = Normaliser::new(&scale.mean, &scale.deviation, scale.clip, inverse)?;
        let words = self.weights.len().saturating_sub(self.shape.output);
        let (network, log_std) = self.weights.split_at(words);
        let network = match self.weight_type {
            WeightType::F32 => MlpSlice::new(self.shape, network, self.activation)?.into(),
            kind => {
                let words = bytemuck::cast_slice(network);
                NetworkSlice::from(IntegerMlp::new(self.shape, kind, self.activation, words)?)
            }
        };
        Ok(PolicySlice::new(network, log_std, normaliser, &self.limits)?.with_head(self.head))
    }
}
