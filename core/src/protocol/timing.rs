//! How punctual the control ticks were.

/// What is known of the timing of all ticks since arming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timing {
    /// Control ticks.
    pub ticks: u32,
    /// Those that were late.
    pub late: u32,
    /// Whole periods in which there was no tick. They are not made up for.
    pub missed: u32,
    /// Largest lateness, in ticks of the clock.
    pub worst: u32,
    /// 99.9 % of the ticks were at most this late, to the next of 8 steps within a power of two.
    pub p999: u32,
}
