//! Limits of actuators.

use crate::math::limit;

/// Limits of one actuator, in its own units.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ActionLimits {
    /// Smallest command.
    pub low: f32,
    /// Largest command.
    pub high: f32,
}

impl ActionLimits {
    /// The actuator's command for a raw action: -1 gives `low`, 1 gives `high`; other raw actions are
    /// clamped to -1..1.
    ///
    /// ```
    /// use daa_core::policy::ActionLimits;
    /// let rotor = ActionLimits { low: 0.0, high: 8.0 };
    /// assert_eq!([-1.0, 0.0, 0.5, 7.0].map(|u| rotor.command(u)), [0.0, 4.0, 6.0, 8.0]);
    /// ```
    #[must_use]
    #[inline]
    pub fn command(self, raw: f32) -> f32 {
        let (centre, half_range) = (0.5 * (self.low + self.high), 0.5 * (self.high - self.low));
        limit(centre + half_range * limit(raw, -1.0, 1.0), self.low, self.high)
    }
}
