//! The diagonal Gaussian policy, for tensors.

use std::f64::consts::PI;
use tch::{Kind, Tensor};

/// Returns the Gaussian log-probabilities `[S, B, K]` of raw actions `[S, B, K, A]` for means `[S, B, A]` and
/// `log_std [S, A]`; the tensor form of [`daa_core::policy::log_prob`].
pub fn log_probs(actions: &Tensor, mean: &Tensor, log_std: &Tensor) -> Tensor {
    let (seeds, width) = (log_std.size()[0], log_std.size()[1]);
    let precision = (log_std * -2.0).exp().view([seeds, 1, 1, width]);
    let squares = (actions - mean.unsqueeze(2)).square() * precision;
    let normaliser = log_std.sum_dim_intlist(&[1i64][..], false, Kind::Float)
        + 0.5 * width as f64 * (2.0 * PI).ln();
    squares.sum_dim_intlist(&[3i64][..], false, Kind::Float) * -0.5 - normaliser.view([seeds, 1, 1])
}
