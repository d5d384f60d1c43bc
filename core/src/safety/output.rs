//! The output guard: an action must be finite, is limited in range and slew, and is mapped to the
//! actuators' units.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `action` | `[N]` | in the metadata's units |
//! | `step` | `[N]` | largest change from one command to the next, same units |
//! | `drive` | `[N]` | in the actuators' units: microseconds, duty, counts |

use super::fault::Fault;
use super::guard::Guard;
use crate::math::limit;
use crate::policy::ActionLimits;
use nalgebra::SVector;

/// The drive of one actuator at the lowest and at the highest action. `at_low` may be larger than
/// `at_high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActuatorRange {
    /// Drive at the lowest action.
    pub at_low: f32,
    /// Drive at the highest action.
    pub at_high: f32,
}

/// An action that passed the guard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Command<const N: usize> {
    /// The action in the metadata's units, after limits and slew.
    pub action: SVector<f32, N>,
    /// The drive in the actuators' units.
    pub drive: SVector<f32, N>,
}

/// The guard between a controller and the actuators.
#[derive(Clone, Copy, Debug)]
pub struct Output<const N: usize> {
    limits: Guard<N>,
    ranges: [(f32, f32); N],
    step: [f32; N],
    actuators: [ActuatorRange; N],
    last: Option<SVector<f32, N>>,
}

impl<const N: usize> Output<N> {
    /// A guard for actions within `limits` that change by at most `step` from command to command. An
    /// infinite step does not limit; a step that is not a positive number allows no change.
    #[must_use]
    pub fn new(limits: [ActionLimits; N], step: [f32; N], actuators: [ActuatorRange; N]) -> Self {
        let ranges = limits.map(|limits| (limits.low, limits.high));
        let step = step.map(|step| if step > 0.0 { step } else { 0.0 });
        Self { limits: Guard::new(ranges), ranges, step, actuators, last: None }
    }

    /// The action of the last command; `None` while the actuators are safe.
    #[must_use]
    pub fn last(&self) -> Option<SVector<f32, N>> {
        self.last
    }

    /// Forgets the last command, after the actuators were made safe: the slew of the next command is not
    /// limited.
    pub fn release(&mut self) {
        self.last = None;
    }

    /// Continues after the last command of another guard.
    pub fn resume(&mut self, last: Option<SVector<f32, N>>) {
        self.last = last;
    }

    /// Checks an action as [`command`](Self::command) does, without a change of state.
    ///
    /// # Errors
    /// [`Fault::NotFinite`].
    pub fn check(&self, action: &SVector<f32, N>) -> Result<(), Fault> {
        self.limits.limit(action).map(|_| ())
    }

    /// The command for an action. Never panics.
    ///
    /// # Errors
    /// [`Fault::NotFinite`] when any channel is NaN or infinite. The last command then does not change.
    pub fn command(&mut self, action: &SVector<f32, N>) -> Result<Command<N>, Fault> {
        let mut action = self.limits.limit(action)?;
        if let Some(last) = &self.last {
            for ((action, last), step) in action.iter_mut().zip(last.iter()).zip(&self.step) {
                *action = limit(*action, last - step, last + step);
            }
        }
        self.last = Some(action);
        let mut drive = action;
        for ((drive, (low, high)), actuator) in
            drive.iter_mut().zip(&self.ranges).zip(&self.actuators)
        {
            let fraction = (*drive - low) / (high - low);
            // `a + (b - a)` is not always `b`, but the upper end must be exact.
            *drive = if fraction >= 1.0 {
                actuator.at_high
            } else {
                actuator.at_low + fraction * (actuator.at_high - actuator.at_low)
            };
        }
        Ok(Command { action, drive })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVO: ActuatorRange = ActuatorRange { at_low: 1000.0, at_high: 2000.0 };
    const REVERSED: ActuatorRange = ActuatorRange { at_low: 0.9, at_high: -0.3 };
    const LIMITS: [ActionLimits; 2] =
        [ActionLimits { low: -1.0, high: 1.0 }, ActionLimits { low: 0.0, high: 4.0 }];

    fn output(step: f32) -> Output<2> {
        Output::new(LIMITS, [step; 2], [SERVO, REVERSED])
    }

    #[test]
    fn a_grid_of_actions_gives_the_drives_computed_by_hand() {
        let up = |x: f32| x.next_up();
        let down = |x: f32| x.next_down();
        let grid = [
            ((-1.0, 0.0), (1000.0, 0.9)),
            ((0.0, 2.0), (1500.0, 0.3)),
            ((1.0, 4.0), (2000.0, -0.3)),
            ((down(-1.0), down(0.0)), (1000.0, 0.9)),
            ((up(1.0), up(4.0)), (2000.0, -0.3)),
            ((f32::MIN, f32::MAX), (1000.0, -0.3)),
        ];
        for ((a, b), (x, y)) in grid {
            let command = output(f32::INFINITY).command(&SVector::from([a, b])).unwrap();
            assert_eq!(command.drive[0], x);
            assert!((command.drive[1] - y).abs() < 1e-6, "{a} {b}: {}", command.drive[1]);
            assert!((-1.0..=1.0).contains(&command.action[0]));
            assert!((0.0..=4.0).contains(&command.action[1]));
        }
    }

    #[test]
    fn one_bad_channel_invalidates_all_and_changes_nothing() {
        let mut output = output(f32::INFINITY);
        output.command(&SVector::from([0.5, 1.0])).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for channel in 0..2u16 {
                let mut action = SVector::from([0.0, 0.0]);
                action[usize::from(channel)] = bad;
                assert_eq!(output.command(&action), Err(Fault::NotFinite { channel }));
            }
        }
        assert_eq!(output.last(), Some(SVector::from([0.5, 1.0])));
        // What a clamp alone would have sent.
        assert!(f32::NAN.clamp(-1.0, 1.0).is_nan());
    }

    #[test]
    fn commands_change_by_at_most_a_step_until_the_actuators_are_released() {
        let mut output = output(0.25);
        let mut send = |a: f32| output.command(&SVector::from([a, 0.0])).unwrap().action[0];
        assert_eq!([send(0.0), send(1.0), send(1.0), send(-1.0)], [0.0, 0.25, 0.5, 0.25]);
        output.release();
        assert_eq!(output.command(&SVector::from([-1.0, 0.0])).unwrap().action[0], -1.0);
        let mut stuck = self::output(f32::NAN);
        stuck.command(&SVector::from([0.5, 0.0])).unwrap();
        assert_eq!(
            stuck.command(&SVector::from([1.0, 4.0])).unwrap().action,
            SVector::from([0.5, 0.0])
        );
    }
}
