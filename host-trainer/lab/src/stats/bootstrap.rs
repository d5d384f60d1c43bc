//! Confidence intervals by resampling seeds within each task (stratified bootstrap, percentile
//! method).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | scores | `[K][S_k]` | one score for each of the `S_k` seeds of each of the `K` tasks |
//!
//! Runs of the same training differ in their seeds, while the tasks are fixed. So a resample draws as many
//! seeds of each task as the task has, with replacement.

use super::statistics::quantile;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A statistic with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The statistic of the whole sample.
    pub value: f64,
    /// The lower and the upper end of the interval; none where the sample is too small for one.
    pub interval: Option<[f64; 2]>,
}

impl Estimate {
    /// A number without an interval.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { value, interval: None }
    }

    /// Both ends of the interval; twice the value where there is none.
    #[must_use]
    pub fn ends(&self) -> [f64; 2] {
        self.interval.unwrap_or([self.value; 2])
    }

    /// Whether a value lies within the interval.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        let [low, high] = self.ends();
        (low..=high).contains(&value)
    }

    /// Half the length of the interval.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        let [low, high] = self.ends();
        (high - low) / 2.0
    }
}

/// Options of the resampling. The same scores always give the same intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 2000 resamples, which leave an uncertainty of about 3 % of its length in each end of an interval.
    fn default() -> Self {
        Self { resamples: 2000, seed: 1 }
    }
}

/// Share of the resamples that lie within an interval.
const LEVEL: f64 = 0.95;

impl Bootstrap {
    /// A statistic of scores with its interval.
    ///
    /// ```
    /// use daa_lab::stats::{Bootstrap, statistics::{iqm, pooled}};
    /// let scores = [vec![1.0, 2.0, 3.0, 4.0, 90.0], vec![2.0, 2.5, 3.0]];
    /// let estimate = Bootstrap::default().estimate(&scores, |scores| pooled(scores, iqm));
    /// assert_eq!(estimate.value, (2.0 + 2.5 + 3.0 + 3.0) / 4.0);
    /// let [low, high] = estimate.interval.unwrap();
    /// assert!(1.5 <= low && low < 2.625 && 2.625 < high && high <= 90.0);
    /// ```
    #[must_use]
    pub fn estimate(
        &self,
        scores: &[Vec<f64>],
        statistic: impl Fn(&[Vec<f64>]) -> f64,
    ) -> Estimate {
        self.estimate_pair(scores, &[], |scores, _| statistic(scores))
    }

    /// A statistic of the scores of two methods, which are resampled independently.
    #[must_use]
    pub fn estimate_pair(
        &self,
        ours: &[Vec<f64>],
        theirs: &[Vec<f64>],
        statistic: impl Fn(&[Vec<f64>], &[Vec<f64>]) -> f64,
    ) -> Estimate {
        let statistic = |ours: &[Vec<f64>], theirs: &[Vec<f64>]| vec![statistic(ours, theirs)];
        let estimates = self.estimates(ours, theirs, statistic);
        estimates.first().copied().unwrap_or(Estimate::exact(f64::NAN))
    }

    /// Several statistics of the same scores, such as the points of a profile, computed from the same
    /// resamples.
    #[must_use]
    pub fn estimates(
        &self,
        ours: &[Vec<f64>],
        theirs: &[Vec<f64>],
        statistics: impl Fn(&[Vec<f64>], &[Vec<f64>]) -> Vec<f64>,
    ) -> Vec<Estimate> {
        let values = statistics(ours, theirs);
        let varies = ours.iter().chain(theirs).any(|seeds| seeds.len() > 1);
        if !varies || self.resamples == 0 {
            return values.into_iter().map(Estimate::exact).collect();
        }
        let mut random = [0, 1].map(|stream| {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(stream);
            random
        });
        let mut drawn = [ours.to_vec(), theirs.to_vec()];
        let mut found = vec![Vec::with_capacity(self.resamples); values.len()];
        for _ in 0..self.resamples {
            for ((drawn, scores), random) in drawn.iter_mut().zip([ours, theirs]).zip(&mut random) {
                resample(random, scores, drawn);
            }
            for (found, value) in found.iter_mut().zip(statistics(&drawn[0], &drawn[1])) {
                found.push(value);
            }
        }
        let estimate = |(value, mut found): (f64, Vec<f64>)| {
            found.sort_unstable_by(f64::total_cmp);
            let ends = [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0].map(|q| quantile(&found, q));
            let sound = ends.iter().all(|end| end.is_finite());
            Estimate { value, interval: sound.then_some(ends) }
        };
        values.into_iter().zip(found).map(estimate).collect()
    }
}

/// Draws seeds of each task with replacement, as many as the task has.
fn resample(random: &mut ChaCha8Rng, scores: &[Vec<f64>], drawn: &mut [Vec<f64>]) {
    for (seeds, drawn) in scores.iter().zip(drawn) {
        for slot in drawn.iter_mut() {
            *slot = seeds[random.random_range(0..seeds.len())];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::statistics::{mean, pooled, probability_of_improvement};

    #[test]
    fn two_values_give_the_interval_that_all_four_resamples_give() {
        // Means of (0, 0), (0, 1), (1, 0), (1, 1): a quarter of them 0, a quarter 1.
        let estimate = Bootstrap::default().estimate(&[vec![0.0, 1.0]], |s| pooled(s, mean));
        assert_eq!(estimate, Estimate { value: 0.5, interval: Some([0.0, 1.0]) });
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        // 0..=99: standard deviation of the population sqrt((100^2 - 1) / 12) = 28.866, of the mean 2.8866.
        let scores = [(0..100).map(f64::from).collect::<Vec<_>>()];
        let bootstrap = Bootstrap { resamples: 20_000, seed: 3 };
        let [low, high] = bootstrap.estimate(&scores, |s| pooled(s, mean)).interval.unwrap();
        assert!((low - (49.5 - 1.96 * 2.8866)).abs() < 0.25, "{low}");
        assert!((high - (49.5 + 1.96 * 2.8866)).abs() < 0.25, "{high}");
    }

    #[test]
    fn seeds_are_resampled_within_their_task() {
        // Two tasks with very different scores and equal scores within each: resamples do not vary, while
        // resamples of the pooled scores do.
        let scores = [vec![0.0; 5], vec![1000.0; 5]];
        let within = Bootstrap::default().estimate(&scores, |s| pooled(s, mean));
        assert_eq!(within.interval, Some([500.0, 500.0]));
        let across = Bootstrap::default().estimate(&[scores.concat()], |s| pooled(s, mean));
        let [low, high] = across.interval.unwrap();
        assert!(high - low > 400.0);
    }

    #[test]
    fn one_seed_has_no_interval_and_the_same_scores_the_same_one() {
        let bootstrap = Bootstrap::default();
        assert_eq!(
            bootstrap.estimate(&[vec![3.0], vec![5.0]], |s| pooled(s, mean)),
            Estimate::exact(4.0)
        );
        let pair = ([vec![1.0, 4.0, 2.0]], [vec![3.0, 1.5]]);
        let estimate = || bootstrap.estimate_pair(&pair.0, &pair.1, probability_of_improvement);
        assert_eq!(estimate(), estimate());
        assert_eq!(estimate().value, 0.5);
    }
}
