//! Why a policy cannot be built.

use crate::math::integer::IntegerError;
use crate::math::mlp::MlpError;
use crate::math::normaliser::NormaliserError;

/// Why a policy cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PolicyError {
    /// The weights do not fit the shape.
    Mlp(MlpError),
    /// The integer weights cannot be used.
    Integer(IntegerError),
    /// The observation statistics cannot be used.
    Normaliser(NormaliserError),
    /// The number of standard deviations or of limits is not the number of actions.
    WrongActionCount,
}

impl core::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mlp(error) => error.fmt(f),
            Self::Integer(error) => error.fmt(f),
            Self::Normaliser(error) => error.fmt(f),
            Self::WrongActionCount => {
                write!(
                    f,
                    "a policy needs one standard deviation and one pair of limits for each action"
                )
            }
        }
    }
}

impl core::error::Error for PolicyError {}

impl From<MlpError> for PolicyError {
    fn from(error: MlpError) -> Self {
        Self::Mlp(error)
    }
}

impl From<IntegerError> for PolicyError {
    fn from(error: IntegerError) -> Self {
        Self::Integer(error)
    }
}

impl From<NormaliserError> for PolicyError {
    fn from(error: NormaliserError) -> Self {
        Self::Normaliser(error)
    }
}
