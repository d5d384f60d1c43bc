//! A training batch by its two names: as it was collected, and as an estimator scored it.

use tch::Tensor;

/// A real rollout, ready to be learned from.
#[derive(Debug)]
pub struct RealRollout {
    /// `[S, T, D]`
    pub z: Tensor,
    /// `[S, T, A]`
    pub actions: Tensor,
    /// `[S, T]`, GAE.
    pub advantages: Tensor,
    /// `[S, T]`, of the critic before the update.
    pub values: Tensor,
}

/// What a policy's gradient is made of.
#[derive(Debug)]
pub struct Samples {
    /// `[S, B, D]`
    pub z: Tensor,
    /// `[S, B, K, A]`
    pub actions: Tensor,
    /// `[S, B, K]`
    pub log_probs: Tensor,
    /// `[S, B, K]`
    pub advantages: Tensor,
}
