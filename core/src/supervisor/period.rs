//! The control period: when a control tick is due, and how late the ticks were. Clock ticks wrap.

use super::histogram::Histogram;
use crate::protocol::Timing;

/// The control period and its tolerances, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two control ticks.
    pub period: u32,
    /// A tick may be earlier by this when its observation is, and waits this long for a late observation.
    pub grace: u32,
    /// A tick is late when the time since the last tick exceeds the period by more than this.
    pub tolerance: u32,
    /// Late ticks are counted over this many ticks, at most 32.
    pub window: u32,
    /// Largest number of late ticks in the window that is still accepted.
    pub max_late: u32,
}

impl Pace {
    /// A grace of a quarter of the period, a tolerance of half the period, at most 4 late ticks of 32.
    #[must_use]
    pub const fn new(period: u32) -> Self {
        Self { period, grace: period / 4, tolerance: period / 2, window: 32, max_late: 4 }
    }
}

/// The schedule of the control ticks, and statistics of their lateness.
#[derive(Clone, Debug)]
pub struct Period {
    pace: Pace,
    last: Option<u32>,
    /// One bit for each of the last ticks, newest lowest: 1 was late.
    recent: u32,
    ticks: u32,
    late: u32,
    missed: u32,
    worst: u32,
    histogram: Histogram,
}

impl Period {
    /// The schedule before the first tick.
    #[must_use]
    pub const fn new(pace: Pace) -> Self {
        let histogram = Histogram::new();
        Self { pace, last: None, recent: 0, ticks: 0, late: 0, missed: 0, worst: 0, histogram }
    }

    /// Starts a new series of ticks: the time before the next tick does not count as lateness.
    pub fn restart(&mut self) {
        (self.last, self.recent) = (None, 0);
    }

    /// Whether a tick is due at `now`; if so, the tick counts as done. `fresh` tells whether a new
    /// observation waits. After a stall there is one tick: missed periods are counted, not repeated.
    #[must_use]
    pub fn due(&mut self, now: u32, fresh: bool) -> bool {
        if !self.is_due(now, fresh) {
            return false;
        }
        self.take(now, self.last.map_or(0, |last| now.wrapping_sub(last)));
        true
    }

    /// Whether a tick is due. The first observation makes the first tick due and sets the phase.
    #[must_use]
    pub fn is_due(&self, now: u32, fresh: bool) -> bool {
        if self.started() { self.wait(now, fresh) == 0 } else { fresh }
    }

    /// Clock ticks from `now` until a tick is due; one period before the first tick. `fresh` tells whether
    /// a new observation waits.
    #[must_use]
    pub fn wait(&self, now: u32, fresh: bool) -> u32 {
        let Pace { period, grace, .. } = self.pace;
        let Some(last) = self.last else { return period };
        let elapsed = now.wrapping_sub(last);
        let wait = if fresh { period.saturating_sub(grace) } else { period.saturating_add(grace) };
        wait.saturating_sub(elapsed)
    }

    /// Whether there was a tick since the last [`restart`](Self::restart).
    #[must_use]
    pub fn started(&self) -> bool {
        self.last.is_some()
    }

    fn take(&mut self, now: u32, elapsed: u32) {
        let Pace { period, tolerance, .. } = self.pace;
        self.last = Some(now);
        let lateness = elapsed.saturating_sub(period);
        let late = lateness > tolerance;
        self.recent = self.recent << 1 | u32::from(late);
        self.ticks = self.ticks.saturating_add(1);
        self.late = self.late.saturating_add(u32::from(late));
        self.missed = self.missed.saturating_add(lateness.checked_div(period).unwrap_or(0));
        self.worst = self.worst.max(lateness);
        self.histogram.add(lateness);
    }

    /// Whether too many of the last ticks were late.
    #[must_use]
    pub fn too_late(&self) -> bool {
        let window = self.pace.window.clamp(1, 32);
        (self.recent << (32 - window)).count_ones() > self.pace.max_late
    }

    /// Number of control ticks so far: the time stamp of events.
    #[must_use]
    pub(super) fn ticks(&self) -> u32 {
        self.ticks
    }

    /// Statistics of the lateness.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let Self { ticks, late, missed, worst, .. } = *self;
        // The upper end of the histogram's bin may exceed the largest lateness.
        let p999 = self.histogram.quantile(999, 1000).min(worst);
        Timing { ticks, late, missed, worst, p999 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { period: 1000, grace: 250, tolerance: 500, window: 8, max_late: 2 };

    #[test]
    fn ticks_follow_observations_within_the_grace_and_the_clock_beyond_it() {
        for start in [0, 5000, u32::MAX - 700, u32::MAX] {
            let at = |offset: u32| start.wrapping_add(offset);
            let mut period = Period::new(PACE);
            assert!(!period.due(at(0), false), "no tick before the first observation");
            assert_eq!((period.wait(at(0), false), period.started()), (1000, false));
            assert!(period.due(at(0), true));
            assert!(!period.due(at(749), true), "too soon");
            assert!(period.due(at(750), true), "early by the whole grace");
            assert!(!period.due(at(750 + 1249), false));
            assert_eq!(period.wait(at(750 + 1000), false), 250);
            assert_eq!(period.wait(at(750 + 700), true), 50);
            assert!(period.due(at(750 + 1250), false), "without an observation after the grace");
            assert_eq!(period.timing().late, 0);
        }
    }

    #[test]
    fn a_stall_gives_one_late_tick_and_never_two_to_catch_up() {
        let mut period = Period::new(PACE);
        assert!(period.due(0, true));
        assert!(period.due(5600, true));
        for now in 5600..6350 {
            assert!(!period.due(now, true), "a second step at {now}");
        }
        assert!(period.due(6350, true));
        let timing = period.timing();
        assert_eq!((timing.ticks, timing.late, timing.missed, timing.worst), (3, 1, 4, 4600));
    }

    #[test]
    fn late_is_beyond_the_tolerance_and_too_many_in_the_window_are_too_many() {
        let mut period = Period::new(PACE);
        let mut now = u32::MAX - 3000;
        let _ = period.due(now, true);
        let mut tick = |elapsed: u32| {
            now = now.wrapping_add(elapsed);
            assert!(period.due(now, true));
            (period.timing().late, period.too_late())
        };
        assert_eq!(tick(1500), (0, false));
        assert_eq!(tick(1501), (1, false));
        assert_eq!(tick(1501), (2, false));
        assert_eq!(tick(1000), (2, false));
        assert_eq!(tick(9000), (3, true));
        // The window is of eight: after five more the first late tick is forgotten.
        for _ in 0..4 {
            assert_eq!(tick(1000), (3, true));
        }
        assert_eq!(tick(1000), (3, false));
    }

    #[test]
    fn the_worst_and_the_quantile_of_a_jittering_clock() {
        let mut period = Period::new(PACE);
        let mut now = 0u32;
        let _ = period.due(now, true);
        // 10 000 ticks, of which 20 are late by 4000 and the rest by less than 100.
        for i in 0..10_000u32 {
            let lateness = if i % 500 == 7 { 4000 } else { i * 37 % 100 };
            now = now.wrapping_add(1000 + lateness);
            assert!(period.due(now, true));
        }
        let timing = period.timing();
        assert_eq!((timing.late, timing.worst), (20, 4000));
        assert!((4000..4600).contains(&timing.p999) || timing.p999 == 4000, "{timing:?}");
        // With half as many they are fewer than one in a thousand.
        let mut rarer = Period::new(PACE);
        let _ = rarer.due(0, true);
        let mut now = 0u32;
        for i in 0..10_000u32 {
            now = now.wrapping_add(1000 + if i % 2000 == 7 { 4000 } else { i * 37 % 100 });
            let _ = rarer.due(now, true);
        }
        assert!(rarer.timing().p999 < 128, "{:?}", rarer.timing());
    }
}
