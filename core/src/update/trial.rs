//! How long a new image is tried before it is confirmed.

/// Control ticks that a new policy must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialLength {
    /// Ticks in shadow: the old policy acts, and the new policy answers the same observation with an
    /// action that its guards accept. A refused action rejects the new policy.
    pub shadow: u32,
    /// Ticks on trial: the new policy acts. A fault that it causes rejects the new policy.
    pub trial: u32,
}

impl TrialLength {
    /// Ten seconds in shadow and forty seconds on trial, at 25 decisions a second.
    pub const DEFAULT: Self = Self { shadow: 250, trial: 1000 };
}

impl Default for TrialLength {
    fn default() -> Self {
        Self::DEFAULT
    }
}
