//! Fault injection: faults of sensors, cables and clocks between a plant and its controller.
//!
//! Faults are pure and seeded: equal seeds give equal faults. An [`Injector`] takes each observation
//! that leaves the plant and returns the observation that arrives at the controller, if one arrives.
//!
//! | fault | the controller receives |
//! |---|---|
//! | [`Drop`](Fault::Drop) | no observation, with a probability |
//! | [`Delay`](Fault::Delay) | the observation of some ticks ago |
//! | [`Freeze`](Fault::Freeze) | one signal as it was when the fault began, or all of them |
//! | [`Bias`](Fault::Bias) | one signal plus a constant |
//! | [`NotANumber`](Fault::NotANumber) | NaN in one signal, with a probability |
//! | [`BitFlip`](Fault::BitFlip) | one random bit of one random signal changed, with a probability |
//! | [`ClockSkew`](Fault::ClockSkew) | every observation, timed by a clock that runs too fast or too slow |

use daa_core::math::random::SplitMix64;

/// Longest delay, in ticks.
pub const MAX_DELAY: usize = 16;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// None: the control.
    None,
    /// An observation is lost with this probability.
    Drop {
        /// 0 to 1.
        probability: f32,
    },
    /// Observations arrive late by whole ticks: 1 to [`MAX_DELAY`].
    Delay {
        /// Number of ticks.
        ticks: u8,
    },
    /// A signal keeps its value.
    Freeze {
        /// Index of the signal; none for all of them.
        channel: Option<u16>,
    },
    /// A signal is off by a constant.
    Bias {
        /// Index of the signal.
        channel: u16,
        /// In the metadata's units.
        offset: f32,
    },
    /// A signal is NaN with this probability.
    NotANumber {
        /// Index of the signal.
        channel: u16,
        /// 0 to 1.
        probability: f32,
    },
    /// A random bit of a random signal is changed with this probability.
    BitFlip {
        /// 0 to 1.
        probability: f32,
    },
    /// The plant's second is longer than the controller's by this part.
    ClockSkew {
        /// 0.02 is two percent.
        part: f32,
    },
}

/// Injects one fault from one tick on.
#[derive(Clone, Debug)]
pub struct Injector {
    fault: Fault,
    onset: u32,
    random: SplitMix64,
    tick: u32,
    frozen: Option<Vec<f32>>,
    past: [Vec<f32>; MAX_DELAY],
}

impl Injector {
    /// The first `onset` observations pass untouched.
    #[must_use]
    pub fn new(fault: Fault, onset: u32, seed: u64) -> Self {
        let past = Default::default();
        Self { fault, onset, random: SplitMix64::new(seed), tick: 0, frozen: None, past }
    }

    /// The observation that arrives at the controller, or `None` when it is lost.
    ///
    /// ```
    /// use firmware_sim::fault::{Fault, Injector};
    /// let mut frozen = Injector::new(Fault::Freeze { channel: None }, 1, 0);
    /// let seen = [1.0, 2.0, 3.0].map(|x| frozen.pass(&[x]).map(|x| x[0]));
    /// assert_eq!(seen, [Some(1.0), Some(2.0), Some(2.0)]);
    /// ```
    pub fn pass(&mut self, observation: &[f32]) -> Option<Vec<f32>> {
        let tick = self.tick;
        self.tick = self.tick.saturating_add(1);
        let slot = |tick: u32| tick as usize % MAX_DELAY;
        let then = match self.fault {
            // The oldest one that there is, while there are too few.
            Fault::Delay { ticks } => {
                let back = u32::from(ticks).clamp(1, MAX_DELAY as u32).min(tick);
                if back == MAX_DELAY as u32 || back > 0 {
                    self.past.get(slot(tick - back)).cloned()
                } else {
                    Some(observation.to_vec())
                }
            }
            _ => None,
        };
        if let Some(past) = self.past.get_mut(slot(tick)) {
            *past = observation.to_vec();
        }
        if tick < self.onset {
            return Some(observation.to_vec());
        }
        let mut seen = observation.to_vec();
        match self.fault {
            Fault::None | Fault::ClockSkew { .. } => {}
            Fault::Drop { probability } => {
                if self.random.uniform() < probability {
                    return None;
                }
            }
            Fault::Delay { .. } => seen = then.unwrap_or(seen),
            Fault::Freeze { channel } => {
                let frozen = self.frozen.get_or_insert_with(|| observation.to_vec());
                for (index, (seen, frozen)) in seen.iter_mut().zip(frozen.iter()).enumerate() {
                    if channel.is_none_or(|channel| usize::from(channel) == index) {
                        *seen = *frozen;
                    }
                }
            }
            Fault::Bias { channel, offset } => {
                if let Some(seen) = seen.get_mut(usize::from(channel)) {
                    *seen += offset;
                }
            }
            Fault::NotANumber { channel, probability } => {
                let hit = self.random.uniform() < probability;
                if let Some(seen) = seen.get_mut(usize::from(channel)).filter(|_| hit) {
                    *seen = f32::NAN;
                }
            }
            Fault::BitFlip { probability } => {
                let (hit, channel) =
                    (self.random.uniform() < probability, self.random.below(seen.len()));
                let bit = self.random.below(32);
                if let Some(seen) = seen.get_mut(channel).filter(|_| hit) {
                    *seen = f32::from_bits(seen.to_bits() ^ 1 << bit);
                }
            }
        }
        Some(seen)
    }

    /// The length of a plant's period by the controller's clock.
    #[must_use]
    pub fn period(&self, ticks: u32) -> u32 {
        match self.fault {
            Fault::ClockSkew { part } if self.tick > self.onset => {
                (ticks as f32 * (1.0 + part)) as u32
            }
            _ => ticks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const ONSET: u32 = 20;

    /// 2000 observations `[t, -t]` through a fault.
    fn run(fault: Fault, seed: u64) -> Vec<Option<[f32; 2]>> {
        let mut injector = Injector::new(fault, ONSET, seed);
        let mut pass = |t: i32| {
            let seen = injector.pass(&[t as f32, -t as f32]);
            seen.map(|seen| [seen[0], seen[1]])
        };
        (0..2000).map(&mut pass).collect()
    }

    fn changed(seen: &[Option<[f32; 2]>]) -> usize {
        let same =
            |(t, seen): &(usize, &Option<[f32; 2]>)| **seen != Some([*t as f32, -(*t as f32)]);
        seen.iter().enumerate().filter(same).count()
    }

    #[test]
    fn nothing_is_touched_before_the_onset_and_without_a_fault() {
        assert_eq!(changed(&run(Fault::None, 1)), 0);
        let faults = [
            Fault::Drop { probability: 1.0 },
            Fault::Delay { ticks: 3 },
            Fault::Freeze { channel: None },
            Fault::Bias { channel: 0, offset: 1.0 },
            Fault::NotANumber { channel: 1, probability: 1.0 },
            Fault::BitFlip { probability: 1.0 },
        ];
        for fault in faults {
            let seen = run(fault, 1);
            assert_eq!(changed(&seen[..ONSET as usize]), 0, "{fault:?}");
            assert!(changed(&seen) > 1900, "{fault:?}");
        }
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let at = |fault, t: usize| run(fault, 1)[t];
        assert_eq!(at(Fault::Delay { ticks: 3 }, 50), Some([47.0, -47.0]));
        assert_eq!(at(Fault::Delay { ticks: 16 }, 50), Some([34.0, -34.0]));
        assert_eq!(at(Fault::Freeze { channel: Some(1) }, 50), Some([50.0, -20.0]));
        assert_eq!(at(Fault::Bias { channel: 1, offset: 0.5 }, 50), Some([50.0, -49.5]));
        let nan = at(Fault::NotANumber { channel: 0, probability: 1.0 }, 50).unwrap();
        assert!(nan[0].is_nan() && nan[1] == -50.0);
        let flipped = at(Fault::BitFlip { probability: 1.0 }, 50).unwrap();
        let bits = |x: f32, y: f32| (x.to_bits() ^ y.to_bits()).count_ones();
        assert_eq!(bits(flipped[0], 50.0) + bits(flipped[1], -50.0), 1);
        let mut skewed = Injector::new(Fault::ClockSkew { part: -0.02 }, 0, 1);
        assert_eq!(skewed.period(40_000), 40_000);
        let _ = skewed.pass(&[0.0; 2]);
        assert_eq!(skewed.period(40_000), 39_200);
    }

    #[test]
    fn probabilities_are_kept_and_seeds_tell_runs_apart() {
        let dropped = |seed| -> Vec<bool> {
            run(Fault::Drop { probability: 0.1 }, seed).iter().map(Option::is_none).collect()
        };
        let count = dropped(1).iter().filter(|dropped| **dropped).count();
        // 198 expected, deviation 13.3.
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(dropped(1), dropped(1));
        assert_ne!(dropped(1), dropped(2));
    }
}
