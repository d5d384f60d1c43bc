//! The settings of a controller.

use super::period::Pace;
use crate::image::{Image, ImageError};
use crate::policy::ActionLimits;
use crate::safety::Monitor;
use crate::safety::state::Debounce;
use crate::safety::{ActuatorRange, Guard};
use nalgebra::SVector;

/// Ticks in a row with a prediction error above a level before the monitor warns or alarms.
pub const MONITOR_DEBOUNCE: u16 = 5;
/// Largest age of a usable reading, in percent of the control period.
const MAX_AGE_PERCENT: u32 = 50;

/// The settings of a controller.
#[derive(Clone, Debug)]
pub struct Settings<const OBS: usize, const ACT: usize> {
    /// Ranges of healthy readings.
    pub ranges: Guard<OBS>,
    /// Largest ages of usable readings, in clock ticks.
    pub max_age: [u32; OBS],
    /// Limits of the actions.
    pub limits: [ActionLimits; ACT],
    /// Largest change of an action from tick to tick.
    pub step: [f32; ACT],
    /// How actions are mapped to the actuators' units.
    pub actuators: [ActuatorRange; ACT],
    /// The control period and its tolerances.
    pub pace: Pace,
    /// The debounce times of the safety state machine.
    pub debounce: Debounce,
    /// The monitor of predictions, when the image has a model.
    pub monitor: Option<Monitor<OBS>>,
}

impl<const OBS: usize, const ACT: usize> Settings<OBS, ACT> {
    /// The settings of an image, with a control period of `period` clock ticks. The change of an action
    /// from tick to tick is not limited.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when the const parameters are not the architecture's sizes.
    pub fn new(
        image: &Image<'_>,
        period: u32,
        actuators: [ActuatorRange; ACT],
    ) -> Result<Self, ImageError> {
        let mut limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
        for (limits, signal) in limits.iter_mut().zip(&image.metadata().actions) {
            *limits = ActionLimits { low: signal.low, high: signal.high };
        }
        // The guard is not used; building it checks the number of actions.
        let _: Guard<ACT> = image.action_guard()?;
        Ok(Self {
            ranges: image.observation_guard()?,
            max_age: [period / 100 * MAX_AGE_PERCENT; OBS],
            limits,
            step: [f32::INFINITY; ACT],
            actuators,
            pace: Pace::new(period),
            debounce: Debounce::DEFAULT,
            monitor: image.monitor(MONITOR_DEBOUNCE)?,
        })
    }

    /// The settings for an image with at most `OBS` observations and at most `ACT` actions: a program
    /// that is compiled once for the largest sizes runs images of every size. The remaining channels are
    /// idle: readings and actions of 0, within -1..1.
    #[must_use]
    pub fn padded(image: &Image<'_>, period: u32, actuators: [ActuatorRange; ACT]) -> Self {
        let metadata = image.metadata();
        let range = |i: usize| {
            metadata.observations.get(i).map_or((-1.0, 1.0), |signal| (signal.low, signal.high))
        };
        let limits = |i: usize| {
            let range =
                metadata.actions.get(i).map_or((-1.0, 1.0), |signal| (signal.low, signal.high));
            ActionLimits { low: range.0, high: range.1 }
        };
        let residual = image.monitor_residual();
        let of_signal = |i: usize| residual.get(i).copied().unwrap_or(1.0);
        let monitor = image.monitor_levels().map(|levels| {
            let residual = SVector::from(core::array::from_fn::<f32, OBS, _>(of_signal));
            Monitor::new(residual, levels, MONITOR_DEBOUNCE)
                .with_signals(image.architecture().observations)
        });
        Self {
            ranges: Guard::new(core::array::from_fn(range)),
            max_age: [period / 100 * MAX_AGE_PERCENT; OBS],
            limits: core::array::from_fn(limits),
            step: [f32::INFINITY; ACT],
            actuators,
            pace: Pace::new(period),
            debounce: Debounce::DEFAULT,
            monitor,
        }
    }
}
