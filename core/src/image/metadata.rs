//! The metadata of an image: signals, units, limits, normaliser, rate and provenance.

use super::architecture::Architecture;
use super::error::ImageError;
use crate::math::Normaliser;
use crate::math::sizes::{MAX_ACTIONS, MAX_OBSERVATIONS};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// One observation signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationSignal<'a> {
    /// Name, unique in the metadata.
    pub name: &'a str,
    /// Unit, empty for a dimensionless number.
    pub unit: &'a str,
    /// Smallest healthy reading.
    pub low: f32,
    /// Largest healthy reading.
    pub high: f32,
    /// Mean over the observations seen in training.
    pub mean: f32,
    /// Standard deviation over the observations seen in training.
    pub deviation: f32,
}

/// One actuator.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSignal<'a> {
    /// Name, unique in the metadata.
    pub name: &'a str,
    /// Unit, empty for a dimensionless number.
    pub unit: &'a str,
    /// Smallest command.
    pub low: f32,
    /// Largest command.
    pub high: f32,
}

/// Mean return of the policy's most probable actions, with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// Mean over episodes.
    pub mean: f32,
    /// Standard error of the mean.
    pub standard_error: f32,
    /// Number of episodes.
    pub episodes: u32,
}

/// The origin of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance<'a> {
    /// Version-control commit of the trainer, empty when unknown.
    pub commit: &'a str,
    /// Preset of the run; `untrained` for generated weights.
    pub preset: &'a str,
    /// Seed of the run.
    pub seed: u64,
    /// Number of decisions in training.
    pub decisions: u64,
    /// Return at export, if it was measured.
    #[serde(rename = "return")]
    pub evaluation: Option<Return>,
}

/// The metadata of an image. postcard encodes the fields in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata<'a> {
    /// Name of the task, `domain-task`.
    #[serde(borrow)]
    pub task: &'a str,
    /// Time between two decisions, in microseconds.
    pub control_period_us: u32,
    /// Largest magnitude of a normalised observation.
    pub observation_clip: f32,
    /// Discount of the critic's values and of the advantages.
    pub gamma: f32,
    /// Lambda of the advantages.
    pub lambda: f32,
    /// Factor by which rewards were multiplied before training.
    pub reward_scale: f32,
    /// The observation signals, in order.
    #[serde(borrow)]
    pub observations: Vec<ObservationSignal<'a>, MAX_OBSERVATIONS>,
    /// The actuators, in order.
    #[serde(borrow)]
    pub actions: Vec<ActionSignal<'a>, MAX_ACTIONS>,
    /// The origin of the weights.
    #[serde(borrow)]
    pub provenance: Provenance<'a>,
}

impl Metadata<'_> {
    /// Checks the properties that a control loop relies on: one signal for each input and output,
    /// finite ordered limits, a usable normaliser, a period above 0, possible discounts.
    ///
    /// # Errors
    /// The first cause, as an [`ImageError`].
    pub fn check(&self, architecture: &Architecture) -> Result<(), ImageError> {
        if self.observations.len() != usize::from(architecture.observations)
            || self.actions.len() != usize::from(architecture.actions)
        {
            return Err(ImageError::SignalCount);
        }
        let limits = self.observations.iter().map(|signal| (signal.low, signal.high));
        let limits = limits.chain(self.actions.iter().map(|signal| (signal.low, signal.high)));
        for (signal, (low, high)) in limits.enumerate() {
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(ImageError::Limits { signal });
            }
        }
        for (index, signal) in self.observations.iter().enumerate() {
            // One signal at a time: mean and standard deviation are interleaved.
            Normaliser::new(&[signal.mean], &[signal.deviation], self.observation_clip, &mut [0.0])
                .map_err(|error| error.at(index))?;
        }
        if self.control_period_us == 0 {
            return Err(ImageError::Period);
        }
        let fraction = |value: f32| (0.0..=1.0).contains(&value);
        if !(fraction(self.gamma)
            && fraction(self.lambda)
            && self.reward_scale > 0.0
            && self.reward_scale.is_finite())
        {
            return Err(ImageError::Metadata);
        }
        Ok(())
    }
}
