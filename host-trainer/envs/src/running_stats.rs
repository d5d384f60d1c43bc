//! Running means and standard deviations of vectors, and the normalisation of observations by them.

use serde::{Deserialize, Serialize};

/// Mean and variance of vectors that arrive in batches (Chan et al.), in double precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningStatistics {
    count: f64,
    mean: Vec<f64>,
    /// Sums of squared deviations from the mean.
    squares: Vec<f64>,
}

/// A signal with a smaller standard deviation counts as constant and is not scaled.
const SMALLEST_STD: f64 = 1e-4;

impl RunningStatistics {
    /// Empty statistics of vectors of length `len`.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; len], squares: vec![0.0; len] }
    }

    /// Adds `[count, len]` vectors.
    pub fn update(&mut self, vectors: &[f32]) {
        let len = self.mean.len();
        for vector in vectors.chunks_exact(len) {
            self.count += 1.0;
            for ((value, mean), squares) in vector.iter().zip(&mut self.mean).zip(&mut self.squares)
            {
                let before = f64::from(*value) - *mean;
                *mean += before / self.count;
                *squares += before * (f64::from(*value) - *mean);
            }
        }
    }

    /// Whether these statistics can replace `others`: equal lengths, finite means, finite non-negative
    /// sums of squares and count.
    #[must_use]
    pub fn fits(&self, others: &Self) -> bool {
        let lens = [self.mean.len(), self.squares.len()];
        let sums = self.squares.iter().chain([&self.count]);
        lens == [others.mean.len(), others.squares.len()]
            && self.mean.iter().all(|mean| mean.is_finite())
            && sums.into_iter().all(|sum| sum.is_finite() && *sum >= 0.0)
    }

    /// Number of vectors added.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Means; 0 before the first vector.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        self.mean.iter().map(|mean| *mean as f32).collect()
    }

    /// Standard deviations; 1 before the second vector and for signals that do not vary.
    #[must_use]
    pub fn std(&self) -> Vec<f32> {
        let std = |squares: &f64| {
            let std = (squares / self.count.max(1.0)).sqrt();
            if std > SMALLEST_STD { std as f32 } else { 1.0 }
        };
        self.squares.iter().map(std).collect()
    }
}

/// Scale by which observations are normalised; the identity when normalisation is off.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationScale {
    /// `[D]` means.
    pub mean: Vec<f32>,
    /// `[D]` standard deviations.
    pub std: Vec<f32>,
    /// `[D]` inverse standard deviations, `1 / std`.
    pub inverse_std: Vec<f32>,
    /// Largest magnitude of a normalised observation.
    pub clip: f32,
}

impl ObservationScale {
    /// The scale of running statistics, or the identity where `normalise` is false.
    #[must_use]
    pub fn new(statistics: &RunningStatistics, normalise: bool, clip: f32) -> Self {
        let len = statistics.mean.len();
        let (mean, std) = if normalise {
            (statistics.mean(), statistics.std())
        } else {
            (vec![0.0; len], vec![1.0; len])
        };
        let inverse_std = std.iter().map(|std| 1.0 / std).collect();
        Self { mean, std, inverse_std, clip }
    }

    /// Writes the normalised observation `obs [D]` of a raw `observation [D]`, with the arithmetic of
    /// [`daa_core::Normaliser`].
    pub fn normalise(&self, observation: &[f32], obs: &mut [f32]) {
        for ((obs, x), (mean, inverse)) in
            obs.iter_mut().zip(observation).zip(self.mean.iter().zip(&self.inverse_std))
        {
            *obs = daa_core::math::limit((x - mean) * inverse, -self.clip, self.clip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_give_the_mean_and_standard_deviation_of_the_whole() {
        let mut statistics = RunningStatistics::new(2);
        statistics.update(&[1.0, 7.0, 2.0, 7.0]);
        statistics.update(&[6.0, 7.0]);
        assert_eq!(statistics.mean(), [3.0, 7.0]);
        // ((1-3)^2 + (2-3)^2 + (6-3)^2) / 3 = 14/3; the second signal does not vary.
        let std = statistics.std();
        assert!((std[0] - (14f32 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(std[1], 1.0);
    }

    #[test]
    fn the_scale_is_cores_normaliser() {
        let mut statistics = RunningStatistics::new(2);
        statistics.update(&[1.0, -7.0, 2.5, 7.0, 3.0, 0.1]);
        let scale = ObservationScale::new(&statistics, true, 1.5);
        let mut inverse = [0.0; 2];
        let core = daa_core::Normaliser::new(&scale.mean, &scale.std, 1.5, &mut inverse).unwrap();
        let (mut ours, mut theirs) = ([0.0; 2], [0.0; 2]);
        for x in [[0.3, 12.0], [2.0, -3.0]] {
            scale.normalise(&x, &mut ours);
            core.normalise(&x, &mut theirs);
            assert_eq!(ours, theirs);
        }
        let identity = ObservationScale::new(&statistics, false, 1e9);
        identity.normalise(&[0.3, 12.0], &mut ours);
        assert_eq!(ours, [0.3, 12.0]);
    }
}
