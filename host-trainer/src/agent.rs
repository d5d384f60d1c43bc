//! One seed's policy on the CPU, acting through `core`.

use crate::statistics::ObservationScale;
use daa_core::policy::{ActionLimits, PolicyError};
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
    /// Observation statistics.
    pub scale: ObservationScale,
    /// Limits of the actions.
    pub limits: Vec<ActionLimits>,
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
        Self { shape, activation, weights, scale, limits }
    }

    /// `core`'s policy over this agent; `inverse [D]` is scratch that lives as long.
    ///
    /// # Errors
    /// [`PolicyError`] when the parts do not fit each other.
    pub fn policy<'a>(&'a self, inverse: &'a mut [f32]) -> Result<PolicySlice<'a>, PolicyError> {
        let params = self.shape.params().min(self.weights.len());
        let (network, log_std) = self.weights.split_at(params);
        let mlp = MlpSlice::new(self.shape, network, self.activation)?;
        let scale = &self.scale;
        let normaliser = Normaliser::new(&scale.mean, &scale.deviation, scale.clip, inverse)?;
        PolicySlice::new(mlp, log_std, normaliser, &self.limits)
    }
}
