//! The diagonal Gaussian: log-probability and entropy.

use core::f32::consts::PI;

/// `ln N(raw; mean, exp(log_std))`, summed over the action's dimensions (a diagonal Gaussian).
///
/// ```
/// use daa_core::math::gaussian::log_prob;
/// // One standard deviation from the mean, standard deviation 2: -1/2 - ln 2 - ln(2 pi)/2.
/// let expected = -0.5 - 2f32.ln() - 0.5 * (2.0 * core::f32::consts::PI).ln();
/// assert!((log_prob(&[3.0], &[1.0], &[2f32.ln()]) - expected).abs() < 1e-6);
/// ```
#[must_use]
pub fn log_prob(raw: &[f32], mean: &[f32], log_std: &[f32]) -> f32 {
    raw.iter().zip(mean).zip(log_std).fold(0.0, |sum, ((raw, mean), log_std)| {
        let deviations = (raw - mean) * libm::expf(-log_std);
        sum - 0.5 * deviations * deviations - log_std - 0.5 * libm::logf(2.0 * PI)
    })
}

/// Differential entropy of the Gaussian, in nats: `sum (log_std + (1 + ln 2 pi) / 2)`.
///
/// ```
/// use daa_core::math::gaussian::entropy;
/// assert!((entropy(&[0.0]) - 1.418_938_5).abs() < 1e-6);
/// ```
#[must_use]
pub fn entropy(log_std: &[f32]) -> f32 {
    log_std.iter().fold(0.0, |sum, log_std| sum + log_std + 0.5 * (1.0 + libm::logf(2.0 * PI)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probability_integrates_to_one_and_entropy_is_its_expectation() {
        let (mean, log_std) = ([0.3], [-0.7]);
        let (mut mass, mut expectation) = (0.0f64, 0.0f64);
        for i in -4000..4000 {
            let log_p = f64::from(log_prob(&[i as f32 * 1e-3 + 0.3], &mean, &log_std));
            mass += libm::exp(log_p) * 1e-3;
            expectation -= libm::exp(log_p) * log_p * 1e-3;
        }
        assert!((mass - 1.0).abs() < 1e-5);
        assert!((expectation - f64::from(entropy(&log_std))).abs() < 1e-4);
    }
}
