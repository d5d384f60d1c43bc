//! The monitor of predictions: detects that the robot no longer behaves as the learned dynamics predict.
//!
//! Training learns a transition network for model rollouts. The monitor uses it to compare each observation
//! with the prediction from the last observation and the last command. The prediction error, in units of the
//! errors at export, is compared with two levels from the image.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs`, `predicted` | `[OBS]` | normalised observation, real and predicted |
//! | `residual` | `[OBS]` | root mean square of `obs - predicted` at export |
//! | `score` | scalar | mean of `((obs - predicted) / residual)^2`: 1 on average at export |

use nalgebra::SVector;

/// Quantile of the scores at export above which a tick counts towards a warning.
pub const WARN_QUANTILE: f64 = 0.99;
/// Quantile of the scores at export above which a tick counts towards an alarm, unless several
/// scores in a row reached half of a larger value: the largest errors of an episode are neighbours.
pub const ALARM_QUANTILE: f64 = 0.999;

/// The monitor's verdict on a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// There was no prediction.
    Unknown,
    /// The score is normal, or not yet above a level for long enough.
    Fine,
    /// The score is above the warning level for `debounce` ticks in a row.
    Warn,
    /// The score is above the alarm level for `debounce` ticks in a row.
    Alarm,
}

/// Levels of the score, from the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// [`WARN_QUANTILE`] of the scores at export.
    pub warn: f32,
    /// [`ALARM_QUANTILE`] of the scores at export, or twice the largest score that lasted there.
    pub alarm: f32,
}

/// Mean of the squared errors in units of `residual`. The order of operations is fixed, as in the
/// networks: the signals in order; subtracted, divided, squared, added.
#[must_use]
pub fn score(obs: &[f32], predicted: &[f32], residual: &[f32]) -> f32 {
    squared_errors(obs, predicted, residual) / obs.len() as f32
}

#[inline]
fn squared_errors(obs: &[f32], predicted: &[f32], residual: &[f32]) -> f32 {
    let mut sum = 0.0;
    for ((obs, predicted), residual) in obs.iter().zip(predicted).zip(residual) {
        let error = (obs - predicted) / residual;
        sum += error * error;
    }
    sum
}

/// Compares observations with their predictions.
#[derive(Clone, Copy, Debug)]
pub struct Monitor<const OBS: usize> {
    residual: SVector<f32, OBS>,
    levels: Levels,
    /// Number of signals that the score is the mean of.
    signals: u16,
    debounce: u16,
    predicted: Option<SVector<f32, OBS>>,
    score: f32,
    above_warn: u16,
    above_alarm: u16,
}

impl<const OBS: usize> Monitor<OBS> {
    /// A monitor that warns and alarms after `debounce` ticks in a row.
    #[must_use]
    pub fn new(residual: SVector<f32, OBS>, levels: Levels, debounce: u16) -> Self {
        let debounce = debounce.max(1);
        let (signals, predicted, score) = (OBS as u16, None, 0.0);
        let (above_warn, above_alarm) = (0, 0);
        Self { residual, levels, signals, debounce, predicted, score, above_warn, above_alarm }
    }

    /// The monitor of `signals` signals, when the observations of `OBS` elements end with idle elements
    /// that are always zero.
    #[must_use]
    pub fn with_signals(mut self, signals: u16) -> Self {
        self.signals = signals.max(1);
        self
    }

    /// Stores the prediction of the next tick's observation.
    pub fn expect(&mut self, predicted: SVector<f32, OBS>) {
        self.predicted = Some(predicted);
    }

    /// Discards the prediction, because a tick is missing or the actuators' command is unknown.
    pub fn forget(&mut self) {
        self.predicted = None;
    }

    /// Resets the monitor to its initial state.
    pub fn reset(&mut self) {
        (self.predicted, self.score, self.above_warn, self.above_alarm) = (None, 0.0, 0, 0);
    }

    /// The last score.
    #[must_use]
    pub fn score(&self) -> f32 {
        self.score
    }

    /// Compares an observation with its prediction, which is then discarded. A score that is NaN counts as
    /// above every level. Never panics.
    ///
    /// ```
    /// use daa_core::{SVector, safety::monitor::{Levels, Monitor, Verdict}};
    /// let levels = Levels { warn: 2.0, alarm: 8.0 };
    /// let mut monitor = Monitor::new(SVector::from([0.5, 1.0]), levels, 2);
    /// let verdict = |obs| {
    ///     monitor.expect(SVector::from([0.0, 0.0]));
    ///     monitor.observe(&SVector::from(obs))
    /// };
    /// // ((1 / 0.5)^2 + 0) / 2 = 2 is not above 2; ((1.5 / 0.5)^2 + 1) / 2 = 5 is; 8.5 alarms.
    /// assert_eq!([[1.0, 0.0], [1.5, 1.0], [1.5, 1.0], [2.0, 1.0], [2.0, 1.0]].map(verdict),
    ///     [Verdict::Fine, Verdict::Fine, Verdict::Warn, Verdict::Warn, Verdict::Alarm]);
    /// ```
    pub fn observe(&mut self, obs: &SVector<f32, OBS>) -> Verdict {
        let Some(predicted) = self.predicted.take() else {
            return if self.above_alarm >= self.debounce {
                Verdict::Alarm
            } else {
                Verdict::Unknown
            };
        };
        let sum = squared_errors(obs.as_slice(), predicted.as_slice(), self.residual.as_slice());
        self.score = sum / f32::from(self.signals);
        let count = |count: u16, level: f32| {
            if self.score <= level { 0 } else { count.saturating_add(1) }
        };
        self.above_warn = count(self.above_warn, self.levels.warn);
        self.above_alarm = count(self.above_alarm, self.levels.alarm);
        if self.above_alarm >= self.debounce {
            Verdict::Alarm
        } else if self.above_warn >= self.debounce {
            Verdict::Warn
        } else {
            Verdict::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor() -> Monitor<1> {
        let levels = Levels { warn: 4.0, alarm: 9.0 };
        Monitor::new(SVector::from([1.0]), levels, 2)
    }

    #[test]
    fn a_missing_prediction_neither_alarms_nor_ends_an_alarm() {
        let mut monitor = monitor();
        let far = SVector::from([10.0]);
        assert_eq!(monitor.observe(&far), Verdict::Unknown);
        for expected in [Verdict::Fine, Verdict::Alarm] {
            monitor.expect(SVector::zeros());
            assert_eq!(monitor.observe(&far), expected);
        }
        assert_eq!(monitor.observe(&SVector::zeros()), Verdict::Alarm);
        monitor.expect(SVector::zeros());
        assert_eq!(monitor.observe(&SVector::zeros()), Verdict::Fine);
        monitor.expect(far);
        monitor.forget();
        assert_eq!(monitor.observe(&SVector::zeros()), Verdict::Unknown);
    }

    #[test]
    fn idle_elements_do_not_change_the_score() {
        let levels = Levels { warn: 4.0, alarm: 9.0 };
        let mut exact = Monitor::new(SVector::from([0.3, 0.7]), levels, 1);
        let idle = Monitor::new(SVector::from([0.3, 0.7, 1.0, 1.0, 1.0]), levels, 1);
        let (mut padded, mut wrong) = (idle.with_signals(2), idle);
        exact.expect(SVector::from([0.1, -0.2]));
        padded.expect(SVector::from([0.1, -0.2, 0.0, 0.0, 0.0]));
        wrong.expect(SVector::from([0.1, -0.2, 0.0, 0.0, 0.0]));
        let verdict = exact.observe(&SVector::from([0.9, 0.4]));
        let obs = SVector::from([0.9, 0.4, 0.0, 0.0, 0.0]);
        assert_eq!(padded.observe(&obs), verdict);
        assert_eq!(padded.score().to_bits(), exact.score().to_bits());
        // Negative control: the mean over all five elements is another score.
        wrong.observe(&obs);
        assert_ne!(wrong.score(), exact.score());
    }

    #[test]
    fn a_score_that_is_not_a_number_is_above_every_level() {
        let mut monitor = monitor();
        for expected in [Verdict::Fine, Verdict::Alarm] {
            monitor.expect(SVector::from([f32::NAN]));
            assert_eq!(monitor.observe(&SVector::zeros()), expected);
        }
        monitor.reset();
        assert_eq!(monitor.observe(&SVector::zeros()), Verdict::Unknown);
    }
}
