//! Activation functions with the same bits on every machine.

use super::kernel;
use serde::{Deserialize, Serialize};

pub use super::kernel::float::LEAKY_SLOPE;

/// The function between two layers.
///
/// The discriminants are part of the image format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Activation {
    /// `max(x, 0)`, the paper's choice.
    Relu = 0,
    /// `x` above zero, `0.01 x` below: the released code's choice.
    LeakyRelu = 1,
    /// Hyperbolic tangent by `libm::tanhf`, which gives the same bits on host and microcontroller.
    Tanh = 2,
    /// `x / (1 + exp(-x))` by `libm::expf`: smooth, for dynamics models.
    Silu = 3,
}

impl Activation {
    /// The activation with this number in an image, or `None` for an unknown one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Relu),
            1 => Some(Self::LeakyRelu),
            2 => Some(Self::Tanh),
            3 => Some(Self::Silu),
            _ => None,
        }
    }

    /// Applies the function to every element, in place.
    ///
    /// ```
    /// use daa_core::Activation;
    /// let mut x = [-2.0, 0.0, 3.0];
    /// Activation::Relu.apply(&mut x);
    /// assert_eq!(x, [0.0, 0.0, 3.0]);
    /// ```
    #[inline]
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::Relu => kernel::relu(values),
            Self::LeakyRelu => kernel::leaky_relu(values),
            Self::Tanh => values.iter_mut().for_each(|v| *v = libm::tanhf(*v)),
            Self::Silu => values.iter_mut().for_each(|v| *v /= 1.0 + libm::expf(-*v)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn hand_computed_values() {
        let mut x = [-2.0, 4.0];
        Activation::LeakyRelu.apply(&mut x);
        assert_eq!(x, [-0.02, 4.0]);
        // tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 3/5; silu(ln 2) = ln 2 / (1 + 1/2).
        let ln2 = core::f32::consts::LN_2;
        let mut x = [ln2, 0.0];
        Activation::Tanh.apply(&mut x);
        assert!((x[0] - 0.6).abs() < 1e-7 && x[1] == 0.0);
        let mut x = [ln2, 0.0];
        Activation::Silu.apply(&mut x);
        assert!((x[0] - ln2 / 1.5).abs() < 1e-7 && x[1] == 0.0);
    }

    #[test]
    fn codes_round_trip_and_unknown_ones_are_refused() {
        for a in [Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Silu] {
            assert_eq!(Activation::from_code(a as u8), Some(a));
        }
        assert_eq!(Activation::from_code(4), None);
    }
}
