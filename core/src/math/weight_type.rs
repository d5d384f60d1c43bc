//! Types of weights.

/// Type of a policy's weights. The discriminants are part of the image format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum WeightType {
    /// Floats, with the trainer's bits.
    #[default]
    F32 = 0,
    /// Integers of eight bits: a quarter of the flash.
    I8 = 1,
    /// Integers of sixteen bits: the fastest.
    I16 = 2,
}

impl WeightType {
    /// The type with this number in an image, or `None` for an unknown one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::F32),
            1 => Some(Self::I8),
            2 => Some(Self::I16),
            _ => None,
        }
    }

    /// Largest magnitude of a weight.
    pub(crate) const fn largest(self) -> i32 {
        match self {
            Self::I8 => 127,
            _ => 32_767,
        }
    }
}
