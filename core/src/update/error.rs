//! Why an update is refused.

use serde::{Deserialize, Serialize};

/// Why an update is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UpdateError {
    /// The machine has one slot only.
    Unsupported,
    /// The actuators are not safe.
    NotSafe,
    /// Another new image is on trial.
    OnTrial,
    /// The image is larger than a slot.
    TooLarge {
        /// Largest possible image, in bytes.
        capacity: u32,
    },
    /// The firmware was built for other networks.
    OtherArchitecture {
        /// Architecture hash of the firmware.
        wanted: u32,
    },
    /// A piece or a commit came without a begin.
    NotBegun,
    /// A piece is missing, or was cut.
    Offset {
        /// Number of bytes that were received.
        received: u32,
    },
    /// The memory cannot be erased or written.
    Flash,
    /// The received bytes are not a usable image, or another image than the announced one.
    Image,
}

impl core::fmt::Display for UpdateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unsupported => f.write_str("this machine has no second slot"),
            Self::NotSafe => f.write_str("the actuators are not safe: disarm first"),
            Self::OnTrial => {
                f.write_str("another new image is on trial: wait for its end, or reset")
            }
            Self::TooLarge { capacity } => {
                write!(f, "the image is too large: the slot has {capacity} bytes")
            }
            Self::OtherArchitecture { wanted } => write!(
                f,
                "the firmware was built for other networks ({wanted:08x}): flash a firmware with this image"
            ),
            Self::NotBegun => f.write_str("no image was announced"),
            Self::Offset { received } => {
                write!(f, "a piece is missing: {received} bytes were received")
            }
            Self::Flash => f.write_str("the flash memory cannot be erased or written"),
            Self::Image => f.write_str("the received bytes are not a usable image"),
        }
    }
}

impl core::error::Error for UpdateError {}
