//! Why a network cannot have integer weights.

/// Why words are not a usable integer network, or floats cannot be quantised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IntegerError {
    /// The weight type is `f32`, which is not an integer type.
    Floats,
    /// The activation is neither ReLU nor leaky ReLU.
    Activation,
    /// The hidden width is not a multiple of four.
    Width,
    /// The number of words, or of floats to be quantised, is not the shape's.
    WrongLength {
        /// Number that the shape has.
        expected: usize,
        /// Number that was given.
        found: usize,
    },
    /// A sum could overflow.
    Overflow {
        /// Layer, from 0.
        layer: usize,
        /// Index of the output.
        output: usize,
    },
    /// A unit or multiplier is not positive and finite, or a number to be quantised is not finite.
    Unit,
}

impl core::fmt::Display for IntegerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Floats => write!(f, "f32 is not a type of integer weights: use i8 or i16"),
            Self::Activation => write!(f, "integer weights need relu or leaky_relu: use f32"),
            Self::Width => write!(f, "integer weights need a hidden width that is a multiple of 4"),
            Self::WrongLength { expected, found } => {
                write!(f, "the integer network has {expected} numbers, but {found} were given")
            }
            Self::Overflow { layer, output } => {
                write!(f, "output {output} of integer layer {layer} could overflow")
            }
            Self::Unit => write!(f, "a unit of the integer network is not positive and finite"),
        }
    }
}

impl core::error::Error for IntegerError {}
