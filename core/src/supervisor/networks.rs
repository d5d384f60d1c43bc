//! The networks of a controller, as the supervisor uses them.

use crate::model::{Plan, Planned};
use nalgebra::SVector;

/// What decides, and what predicts.
pub trait Networks<const OBS: usize, const ACT: usize> {
    /// The policy's most probable action, in the passport's units.
    fn act(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT>;
    /// The normalised observation.
    fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS>;
    /// The next normalised observation, for an action in -1..1; none without a model.
    fn predict(
        &self,
        z: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>>;
    /// The policy's network alone, to be measured.
    fn network(&self, z: &SVector<f32, OBS>) -> SVector<f32, ACT>;
    /// Plans like this from now on, if it can.
    fn plan(&mut self, _plan: Plan) -> Option<Planned> {
        None
    }
    /// How planning goes.
    fn planned(&self) -> Option<Planned> {
        None
    }
}
