//! The scales in which networks compute.

use daa_envs::running_stats::ObservationScale;

/// Scales of observations, their changes and rewards, one entry a seed.
#[derive(Clone, Debug)]
pub struct Normalisation {
    /// Observation statistics.
    pub scales: Vec<ObservationScale>,
    /// Standard deviations of the changes of normalised observations, `[D]` each.
    pub changes: Vec<Vec<f32>>,
    /// Factors of the rewards.
    pub reward_scales: Vec<f32>,
    /// Largest magnitude of a scaled reward in an advantage.
    pub reward_clip: f32,
}

impl Normalisation {
    /// A reward, scaled and clipped as advantages take it.
    #[must_use]
    pub fn reward(&self, seed_index: usize, raw: f32) -> f32 {
        let scaled = raw * self.reward_scales[seed_index];
        daa_core::math::limit(scaled, -self.reward_clip, self.reward_clip)
    }

    /// Largest magnitude of a normalised observation.
    #[must_use]
    pub fn observation_clip(&self) -> f32 {
        self.scales.first().map_or(f32::MAX, |scale| scale.clip)
    }

    /// The scales of one seed alone.
    #[must_use]
    pub fn of_seed(&self, seed_index: usize) -> Self {
        Self {
            scales: vec![self.scales[seed_index].clone()],
            changes: vec![self.changes[seed_index].clone()],
            reward_scales: vec![self.reward_scales[seed_index]],
            reward_clip: self.reward_clip,
        }
    }
}
