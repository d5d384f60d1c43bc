//! Why a run ends, and the exit codes.
//!
//! In the emulator the code is QEMU's exit status. The board cannot exit: it keeps the actuators safe and
//! blinks.

use daa_core::image::{GoldenMismatch, ImageError};

/// The exit code of a run. QEMU itself exits with 1 when it cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The host said goodbye.
    Done = 0,
    /// The image was refused.
    Image = 2,
    /// The golden vectors were not reproduced bit for bit.
    Golden = 3,
    /// The link could not be opened, failed, or was closed without a goodbye.
    Link = 4,
    /// The program panicked.
    Panic = 5,
    /// The processor faulted: bad address, bad instruction, stack overflow.
    Fault = 6,
    /// A check of the self-test failed.
    SelfTest = 7,
    /// The watchdog expired: there was no good tick for too long.
    Watchdog = 8,
}

/// Why the control loop ends. The actuators are then safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The image in flash cannot be used.
    Image(ImageError),
    /// Neither slot has an image that may act.
    NoPolicy,
    /// A new image was received. The loop starts again with it.
    Updated,
    /// The image has no golden vectors.
    NoGoldenVectors,
    /// This machine does not compute the bits that the trainer computed.
    Golden(GoldenMismatch),
    /// The link could not be opened.
    LinkNotOpened(&'static str),
    /// The link failed, or the host closed it without a goodbye.
    LinkClosed,
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Image(_) | Self::NoPolicy => Exit::Image,
            Self::Updated => Exit::Done,
            Self::NoGoldenVectors | Self::Golden(_) => Exit::Golden,
            Self::LinkNotOpened(_) | Self::LinkClosed => Exit::Link,
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Image(error) => write!(f, "image refused: {error}"),
            Self::NoPolicy => {
                f.write_str("image refused: it was rejected on trial, and there is no other")
            }
            Self::Updated => f.write_str("a new image was received"),
            Self::NoGoldenVectors => f.write_str("image refused: it has no golden vectors"),
            Self::Golden(error) => write!(f, "image refused: {error}"),
            Self::LinkNotOpened(name) => write!(f, "link: {name} cannot be opened"),
            Self::LinkClosed => f.write_str("link: closed without a goodbye"),
        }
    }
}

impl core::error::Error for Failure {}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<GoldenMismatch> for Failure {
    fn from(error: GoldenMismatch) -> Self {
        Self::Golden(error)
    }
}
