//! Everything about a controller that is a number.

use super::Pace;
use crate::guard::{ActuatorRange, Guard};
use crate::image::{Image, ImageError};
use crate::ladder::Patience;
use crate::monitor::Monitor;
use crate::policy::ActionLimits;

/// Ticks in a row with a prediction error above its level before the monitor complains.
pub const MONITOR_PATIENCE: u16 = 5;
/// Oldest usable reading, in percent of the control period.
const MAX_AGE_PERCENT: u32 = 50;

/// The numbers of a controller.
#[derive(Clone, Debug)]
pub struct Settings<const OBS: usize, const ACT: usize> {
    /// Healthy readings.
    pub ranges: Guard<OBS>,
    /// Oldest usable readings, in ticks of the clock.
    pub max_age: [u32; OBS],
    /// Limits of the actions.
    pub limits: [ActionLimits; ACT],
    /// Largest change of an action from tick to tick.
    pub step: [f32; ACT],
    /// What the actuators are told.
    pub actuators: [ActuatorRange; ACT],
    /// The control period.
    pub pace: Pace,
    /// Of the ladder.
    pub patience: Patience,
    /// When the image has a model.
    pub monitor: Option<Monitor<OBS>>,
}

impl<const OBS: usize, const ACT: usize> Settings<OBS, ACT> {
    /// The settings that an image asks for, with a control period of `period` ticks of the clock.
    /// Actions may change as fast as the policy wants.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when the const parameters are not the architecture's sizes.
    pub fn new(
        image: &Image<'_>,
        period: u32,
        actuators: [ActuatorRange; ACT],
    ) -> Result<Self, ImageError> {
        let mut limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
        for (limits, signal) in limits.iter_mut().zip(&image.passport().actions) {
            *limits = ActionLimits { low: signal.low, high: signal.high };
        }
        // The number of actions is checked with their guard.
        let _: Guard<ACT> = image.action_guard()?;
        Ok(Self {
            ranges: image.observation_guard()?,
            max_age: [period / 100 * MAX_AGE_PERCENT; OBS],
            limits,
            step: [f32::INFINITY; ACT],
            actuators,
            pace: Pace::new(period),
            patience: Patience::DEFAULT,
            monitor: image.monitor(MONITOR_PATIENCE)?,
        })
    }
}
