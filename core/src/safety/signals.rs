//! The newest reading of every signal, with the tick at which it was received.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `values` | `[N]` | bits of the newest readings |
//! | `stamps` | `[N]` | wrapping ticks at which they were received |
//! | `marks` | `[N]` | check words, a function of channel, value and stamp |

use super::fault::Fault;
use nalgebra::SVector;

/// Marks with this key differ from erased, zeroed and repeating memory.
const KEY: u32 = 0x9E37_79B9;

/// The newest reading of `N` signals.
///
/// A reading counts only while its mark matches. Memory with other contents than readings therefore counts
/// as "no data", and so does a damaged reading: every single flipped bit of value, stamp or mark breaks the
/// match. Every bit pattern is a valid value of this type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Signals<const N: usize> {
    values: [u32; N],
    stamps: [u32; N],
    marks: [u32; N],
}

/// The mark of a reading. The channel's number is part of it: moved readings do not match.
fn mark(channel: usize, value: u32, stamp: u32) -> u32 {
    // The value is rotated, so that a value equal to its stamp does not cancel it.
    KEY.wrapping_mul(2 * channel as u32 + 1) ^ value.rotate_left(7) ^ stamp
}

impl<const N: usize> Signals<N> {
    /// Signals without readings.
    #[must_use]
    pub const fn new() -> Self {
        // None of these marks matches: a new value has no readings.
        Self { values: [0; N], stamps: [0; N], marks: [0; N] }
    }

    /// Stores a reading of one signal, without a check of its value. A channel that does not exist is
    /// ignored.
    pub fn set(&mut self, channel: usize, value: f32, now: u32) {
        let slots = (self.values.get_mut(channel), self.stamps.get_mut(channel));
        if let ((Some(slot), Some(stamp)), Some(marked)) = (slots, self.marks.get_mut(channel)) {
            (*slot, *stamp) = (value.to_bits(), now);
            *marked = mark(channel, value.to_bits(), now);
        }
    }

    /// Stores readings of all signals.
    pub fn set_all(&mut self, values: &SVector<f32, N>, now: u32) {
        values.iter().enumerate().for_each(|(channel, value)| self.set(channel, *value, now));
    }

    /// Forgets every reading.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Returns all signals, if each was received at most `max_age` ticks before `now`. A reading that is too
    /// old is forgotten, so that it does not count as fresh after the ticks have wrapped. Never panics.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Stale`] of the first channel at fault. A stamp in the future counts
    /// as stale.
    ///
    /// ```
    /// use daa_core::safety::{Fault, Signals};
    /// let (mut signals, max_age) = (Signals::<1>::new(), [10]);
    /// assert_eq!(signals.read(0, &max_age), Err(Fault::Missing { channel: 0 }));
    /// signals.set(0, 1.5, u32::MAX - 4);
    /// assert_eq!(signals.read(5, &max_age).map(|x| x[0]), Ok(1.5)); // Ten ticks, across the wrap.
    /// assert_eq!(signals.read(6, &max_age), Err(Fault::Stale { channel: 0 }));
    /// assert_eq!(signals.read(5, &max_age), Err(Fault::Missing { channel: 0 }));
    /// ```
    pub fn read(&mut self, now: u32, max_age: &[u32; N]) -> Result<SVector<f32, N>, Fault> {
        let mut vector = SVector::<f32, N>::zeros();
        let mut first = Ok(());
        let slots = self.values.iter().zip(&self.stamps).zip(&mut self.marks).zip(max_age);
        for ((index, slot), vector) in slots.enumerate().zip(vector.iter_mut()) {
            let (((value, stamp), marked), max_age) = slot;
            let channel = index as u16;
            let fault = if *marked != mark(index, *value, *stamp) {
                Fault::Missing { channel }
            } else if now.wrapping_sub(*stamp) > *max_age {
                *marked = !*marked;
                Fault::Stale { channel }
            } else {
                *vector = f32::from_bits(*value);
                continue;
            };
            // Continue after the first fault: every old reading must be forgotten.
            first = first.and(Err(fault));
        }
        first.map(|()| vector)
    }
}

impl<const N: usize> Default for Signals<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: [u32; 3] = [10, 0, 1000];

    fn fresh(now: u32) -> Signals<3> {
        let mut signals = Signals::new();
        signals.set_all(&SVector::from([1.0, 2.0, 3.0]), now);
        signals
    }

    #[test]
    fn every_signal_must_have_come_and_be_no_older_than_its_age() {
        for base in [0, 5, 0x7FFF_FFFF, u32::MAX - 3, u32::MAX] {
            for (channel, max_age) in MAX_AGE.into_iter().enumerate() {
                let fault = |channel: usize| Fault::Stale { channel: channel as u16 };
                // Never set.
                let mut signals = Signals::new();
                for other in (0..3).filter(|other| *other != channel) {
                    signals.set(other, 0.5, base);
                }
                let missing = Fault::Missing { channel: channel as u16 };
                assert_eq!(signals.read(base, &MAX_AGE), Err(missing));
                // Exactly at the boundary, one tick beyond, from the future.
                for (age, expected) in [
                    (max_age, Ok(())),
                    (max_age.wrapping_add(1), Err(fault(channel))),
                    (u32::MAX, Err(fault(channel))),
                    (1 << 31, Err(fault(channel))),
                ] {
                    let now = base.wrapping_add(age);
                    let mut signals = fresh(now);
                    signals.set(channel, 9.0, base);
                    assert_eq!(signals.read(now, &MAX_AGE).map(|_| ()), expected, "age {age}");
                }
            }
        }
    }

    #[test]
    fn what_was_too_old_once_stays_gone_when_the_ticks_come_round_again() {
        let mut signals = fresh(100);
        assert_eq!(signals.read(111, &MAX_AGE), Err(Fault::Stale { channel: 0 }));
        // 2^32 ticks later its age would be 0.
        assert_eq!(signals.read(100, &MAX_AGE), Err(Fault::Missing { channel: 0 }));
        // The others were looked at as well.
        signals.set(0, 1.0, 100);
        assert_eq!(signals.read(100, &MAX_AGE), Err(Fault::Missing { channel: 1 }));
        signals.set_all(&SVector::from([1.0, 2.0, 3.0]), 100);
        assert_eq!(signals.read(100, &MAX_AGE), Ok(SVector::from([1.0, 2.0, 3.0])));
    }

    #[test]
    fn any_flipped_bit_in_memory_is_no_reading() {
        for bit in 0..32 {
            for channel in 0..3 {
                for part in 0..3 {
                    let mut signals = fresh(7);
                    let words = [&mut signals.values, &mut signals.stamps, &mut signals.marks];
                    let word = words.into_iter().nth(part).unwrap();
                    word[channel] ^= 1 << bit;
                    let missing = Fault::Missing { channel: channel as u16 };
                    assert_eq!(signals.read(7, &[1000; 3]), Err(missing), "{part} {bit}");
                }
            }
        }
        assert!(fresh(7).read(7, &MAX_AGE).is_ok());
    }

    #[test]
    fn erased_zeroed_and_repeating_memory_is_no_data() {
        for word in [u32::MAX, 0, 0xAAAA_AAAA, 0x5555_5555, 0xDEAD_BEEF, KEY] {
            let mut signals = Signals { values: [word; 3], stamps: [word; 3], marks: [word; 3] };
            for now in [0, word, word.wrapping_add(1)] {
                assert_eq!(signals.read(now, &[u32::MAX; 3]), Err(Fault::Missing { channel: 0 }));
            }
        }
    }
}
