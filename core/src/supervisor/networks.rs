//! The networks of a controller, as the supervisor uses them.

use crate::model::{Plan, Planned};
use nalgebra::SVector;

/// The policy that decides, and the model that predicts.
pub trait Networks<const OBS: usize, const ACT: usize> {
    /// The policy's most probable action, in the units of the image's metadata.
    fn act(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT>;
    /// The normalised observation.
    fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS>;
    /// The predicted next normalised observation for an action in -1..1; `None` without a model.
    fn predict(
        &self,
        obs: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>>;
    /// The outputs of the policy's network alone, for measurements.
    fn network(&self, obs: &SVector<f32, OBS>) -> SVector<f32, ACT>;
    /// Changes how actions are planned from now on. Returns `None` without a model.
    fn plan(&mut self, _plan: Plan) -> Option<Planned> {
        None
    }
    /// Statistics of planning; `None` without a model.
    fn planned(&self) -> Option<Planned> {
        None
    }
}
