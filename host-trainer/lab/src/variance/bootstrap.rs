//! Intervals for anything that is computed from components.

use daa_trainer::decomposition::Components;
use rand::{Rng, RngExt as _};

/// A number computed from components.
pub type Statistic<'a> = &'a dyn Fn(&Components) -> f64;

/// An estimate with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// From all groups.
    pub estimate: f64,
    /// 2.5 %.
    pub low: f64,
    /// 97.5 %.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies inside.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Bootstrap intervals of statistics: groups of independent trajectories are drawn with replacement,
/// `resamples` times, and their mean components looked at.
///
/// A group's estimate is unbiased, so the mean of groups is. A resample of n groups varies by
/// (n - 1) / n of what n new groups would: its deviations are widened by `sqrt(n / (n - 1))`.
///
/// # Panics
/// Without a group.
pub fn intervals(
    rng: &mut impl Rng,
    groups: &[Components],
    resamples: usize,
    statistics: &[Statistic<'_>],
) -> Vec<Interval> {
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
        let estimate = statistic(&whole);
        let at = |share: f64| {
            let index = (share * (values.len().max(1) - 1) as f64).round() as usize;
            values.get(index).map_or(estimate, |value| estimate + widening * (value - estimate))
        };
        Interval { estimate, low: at(0.025), high: at(0.975) }
    };
    values.iter_mut().zip(statistics).map(interval).collect()
}
