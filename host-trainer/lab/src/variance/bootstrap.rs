//! Intervals of statistics that are computed from variance components.

use crate::stats::Estimate;
use daa_trainer::decomposition::Components;
use rand::{Rng, RngExt as _};

/// A statistic of variance components.
pub type Statistic<'a> = &'a dyn Fn(&Components) -> f64;

/// Bootstrap intervals of statistics: groups of independent trajectories are drawn with replacement
/// `resamples` times, and the statistics of the mean components of each draw are collected.
///
/// The estimate of each group is unbiased, and so is the mean of the groups. The variance of a resample of n
/// groups is (n - 1) / n of the variance of n new groups: its deviations are multiplied by
/// `sqrt(n / (n - 1))`.
///
/// # Panics
/// Without a group.
pub fn intervals(
    rng: &mut impl Rng,
    groups: &[Components],
    resamples: usize,
    statistics: &[Statistic<'_>],
) -> Vec<Estimate> {
    assert!(!groups.is_empty(), "at least one group");
    let whole = Components::mean(groups);
    let widening = (groups.len() as f64 / (groups.len() as f64 - 1.0).max(1.0)).sqrt();
    let mut values = vec![Vec::with_capacity(resamples); statistics.len()];
    let mut drawn = Vec::with_capacity(groups.len());
    for _ in 0..resamples {
        drawn.clear();
        drawn.extend(groups.iter().map(|_| groups[rng.random_range(0..groups.len())].clone()));
        let mean = Components::mean(&drawn);
        for (values, statistic) in values.iter_mut().zip(statistics) {
            values.push(statistic(&mean));
        }
    }
    let interval = |(values, statistic): (&mut Vec<f64>, &Statistic<'_>)| {
        values.sort_by(f64::total_cmp);
        let value = statistic(&whole);
        let at = |share: f64| {
            let index = (share * (values.len().max(1) - 1) as f64).round() as usize;
            values.get(index).map_or(value, |drawn| value + widening * (drawn - value))
        };
        Estimate { value, interval: Some([at(0.025), at(0.975)]) }
    };
    values.iter_mut().zip(statistics).map(interval).collect()
}
