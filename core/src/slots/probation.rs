//! When a new image has proved itself.

/// Control ticks that a new policy has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probation {
    /// In shadow: observations for which the policy in charge acts and the new one has an answer that
    /// its guards accept. A refused one rejects it.
    pub shadow: u32,
    /// On trial: ticks in which the new one acts. A fault of its own rejects it.
    pub trial: u32,
}

impl Probation {
    /// Ten seconds in shadow and forty on trial, at 25 decisions a second.
    pub const DEFAULT: Self = Self { shadow: 250, trial: 1000 };
}

impl Default for Probation {
    fn default() -> Self {
        Self::DEFAULT
    }
}
