//! How punctual the control ticks were.

/// Statistics of the lateness of the control ticks since arming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timing {
    /// Number of control ticks.
    pub ticks: u32,
    /// Number of late ticks.
    pub late: u32,
    /// Number of whole periods without a tick. Missed ticks are not repeated.
    pub missed: u32,
    /// Largest lateness, in clock ticks.
    pub worst: u32,
    /// 99.9 % quantile of the lateness, in clock ticks, rounded up to one of 8 steps within a power of two.
    pub p999: u32,
}
