//! Why the processor started.

use serde::{Deserialize, Serialize};

/// The cause of a reset. Each board maps the reset flags of its chip to a cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResetCause {
    /// The supply was switched on.
    Power,
    /// The supply voltage was too low for a moment.
    BrownOut,
    /// The reset pin was pulled by a button or a debugger.
    Pin,
    /// The program requested the reset, after a panic or a processor fault.
    Program,
    /// The watchdog was not fed: there was no good tick for too long.
    Watchdog,
    /// The processor entered a low-power mode although that is forbidden.
    LowPower,
    /// The chip reports no known cause.
    #[default]
    Unknown,
}

impl ResetCause {
    /// Whether the last program crashed. A policy on trial is not tried again after a crash.
    #[must_use]
    pub const fn is_crash(self) -> bool {
        matches!(self, Self::Program | Self::Watchdog)
    }
}

impl core::fmt::Display for ResetCause {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Power => "power",
            Self::BrownOut => "the supply broke down",
            Self::Pin => "the reset pin",
            Self::Program => "a panic or a processor fault",
            Self::Watchdog => "the watchdog",
            Self::LowPower => "a low-power reset",
            Self::Unknown => "an unknown cause",
        })
    }
}
