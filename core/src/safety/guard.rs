//! Declared ranges: what may go into a policy, and what may leave it.
//!
//! A clamp is not a guard: `f32::NAN.clamp(-1.0, 1.0)` is NaN. A guard refuses the whole vector when
//! one channel is not finite.

use super::fault::Fault;
use crate::math::limit;
use nalgebra::SVector;

/// Declared range of every channel of an `N`-vector.
#[derive(Clone, Copy, Debug)]
pub struct Guard<const N: usize> {
    ranges: [(f32, f32); N],
}

impl<const N: usize> Guard<N> {
    /// A guard with the range `(low, high)` of every channel; both ends are inside.
    #[must_use]
    pub const fn new(ranges: [(f32, f32); N]) -> Self {
        Self { ranges }
    }

    /// Passes a vector whose channels are all finite and in range. Never panics.
    ///
    /// # Errors
    /// The first [`Fault`], by channel.
    ///
    /// ```
    /// use daa_core::{SVector, safety::{Fault, Guard}};
    /// let guard = Guard::new([(-1.0, 1.0), (0.0, 5.0)]);
    /// assert_eq!(guard.check(&SVector::from([1.0, 0.0])), Ok(()));
    /// assert_eq!(guard.check(&SVector::from([0.0, -0.1])), Err(Fault::TooLow { channel: 1 }));
    /// assert_eq!(guard.check(&SVector::from([f32::NAN, 9.0])), Err(Fault::NotFinite { channel: 0 }));
    /// ```
    pub fn check(&self, values: &SVector<f32, N>) -> Result<(), Fault> {
        for (channel, (value, (low, high))) in (0u16..).zip(values.iter().zip(&self.ranges)) {
            if !value.is_finite() {
                return Err(Fault::NotFinite { channel });
            }
            if value < low {
                return Err(Fault::TooLow { channel });
            }
            if value > high {
                return Err(Fault::TooHigh { channel });
            }
        }
        Ok(())
    }

    /// The vector with every channel limited to its range.
    ///
    /// # Errors
    /// [`Fault::NotFinite`] when any channel is NaN or infinite: then no channel may be used.
    pub fn limit(&self, values: &SVector<f32, N>) -> Result<SVector<f32, N>, Fault> {
        let mut limited = *values;
        for (channel, (value, (low, high))) in (0u16..).zip(limited.iter_mut().zip(&self.ranges)) {
            if !value.is_finite() {
                return Err(Fault::NotFinite { channel });
            }
            *value = limit(*value, *low, *high);
        }
        Ok(limited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_inside_and_one_ulp_beyond_is_outside() {
        let guard = Guard::new([(-1.0, 1.0)]);
        let check = |value| guard.check(&SVector::from([value]));
        assert_eq!(check(-1.0), Ok(()));
        assert_eq!(check(1.0), Ok(()));
        assert_eq!(check((-1f32).next_down()), Err(Fault::TooLow { channel: 0 }));
        assert_eq!(check(1f32.next_up()), Err(Fault::TooHigh { channel: 0 }));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(check(value), Err(Fault::NotFinite { channel: 0 }));
        }
    }

    #[test]
    fn one_bad_channel_refuses_all_and_finite_ones_are_limited() {
        let guard = Guard::new([(-1.0, 1.0), (0.0, 2.0)]);
        let error = guard.limit(&SVector::from([0.0, f32::NAN])).unwrap_err();
        assert_eq!(error, Fault::NotFinite { channel: 1 });
        assert_eq!(guard.limit(&SVector::from([-3.0, 9.0])), Ok(SVector::from([-1.0, 2.0])));
    }
}
