//! Why the processor started: the last program's end is this one's first information.

use serde::{Deserialize, Serialize};

/// The cause of a reset. What a chip calls it is its board's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResetCause {
    /// The supply came up.
    Power,
    /// The supply broke down for a moment.
    BrownOut,
    /// Somebody pulled the reset pin: a button, a debugger.
    Pin,
    /// The program asked for it: after a panic or a processor fault.
    Program,
    /// The watchdog was not fed: no good tick for too long.
    Watchdog,
    /// The processor went to sleep where that is forbidden.
    LowPower,
    /// None of these.
    #[default]
    Unknown,
}

impl ResetCause {
    /// Whether the last program ended because something was wrong with it: a policy on trial is not
    /// tried again after that.
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
