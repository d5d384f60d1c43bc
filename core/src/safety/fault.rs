//! Why an observation or an action is refused.

/// Why a vector was refused, with the first channel at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The value is NaN or infinite.
    NotFinite {
        /// Index of the channel.
        channel: u16,
    },
    /// The value is below the declared range.
    TooLow {
        /// Index of the channel.
        channel: u16,
    },
    /// The value is above the declared range.
    TooHigh {
        /// Index of the channel.
        channel: u16,
    },
    /// The signal was never received, or its memory was damaged.
    Missing {
        /// Index of the channel.
        channel: u16,
    },
    /// The signal was received too long ago.
    Stale {
        /// Index of the channel.
        channel: u16,
    },
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotFinite { channel } => write!(f, "channel {channel} is not finite"),
            Self::TooLow { channel } => write!(f, "channel {channel} is below its declared range"),
            Self::TooHigh { channel } => write!(f, "channel {channel} is above its declared range"),
            Self::Missing { channel } => write!(f, "channel {channel} was not received"),
            Self::Stale { channel } => write!(f, "channel {channel} is too old"),
        }
    }
}

impl core::error::Error for Fault {}
