//! Learning curves over seeds, and the scores of the seeds.
//!
//! | symbol | meaning |
//! |---|---|
//! | decisions | number of decisions of each seed since the start of training |
//! | centre | the statistic over seeds: [`Centre`] |

use super::runs::{Arm, SeedRecord};
use crate::stats::statistics::{self, average};
use crate::stats::{Bootstrap, Estimate};

/// The statistic over seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Centre {
    /// Interquartile mean
    #[default]
    Iqm,
    /// Mean
    Mean,
}

impl Centre {
    /// The statistic of some values.
    #[must_use]
    pub fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Iqm => statistics::iqm(values),
            Self::Mean => statistics::mean(values),
        }
    }

    /// Short name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Iqm => "IQM",
            Self::Mean => "mean",
        }
    }

    /// The statistic of the seeds of one task, with its interval.
    #[must_use]
    pub fn estimate(self, bootstrap: &Bootstrap, values: &[f64]) -> Estimate {
        if values.is_empty() {
            return Estimate::exact(f64::NAN);
        }
        bootstrap.estimate(&[values.to_vec()], |scores| statistics::pooled(scores, |v| self.of(v)))
    }
}

/// One point of a curve over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// Decisions of each seed.
    pub decisions: f64,
    /// The scores of the seeds that reached these decisions.
    pub scores: Vec<f64>,
    /// The statistic of these scores.
    pub estimate: Estimate,
}

/// Aligns the curves of seeds on common decisions. Wherever one curve has a score, every curve is interpolated
/// linearly, but not before its first score nor after its last.
#[must_use]
pub fn align(seeds: &[&SeedRecord]) -> Vec<(f64, Vec<f64>)> {
    let mut moments: Vec<f64> =
        seeds.iter().flat_map(|seed| seed.curve.iter().map(|(x, _)| *x)).collect();
    moments.sort_unstable_by(f64::total_cmp);
    moments.dedup();
    let scores = |x: f64| seeds.iter().filter_map(|seed| read_off(&seed.curve, x)).collect();
    moments.into_iter().map(|x| (x, scores(x))).collect()
}

/// Height of a curve at `x`; none outside of the curve.
fn read_off(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = curve.partition_point(|(at, _)| *at < x);
    let (right, value) = *curve.get(after)?;
    if right == x {
        return Some(value);
    }
    let (left, before) = *curve.get(after.checked_sub(1)?)?;
    Some(before + (x - left) / (right - left) * (value - before))
}

/// The learning curve of an arm on a task.
#[must_use]
pub fn curve(arm: &Arm, task: &str, centre: Centre, bootstrap: &Bootstrap) -> Vec<CurvePoint> {
    let seeds: Vec<&SeedRecord> = arm.of_task(task).flat_map(|record| &record.seeds).collect();
    align(&seeds)
        .into_iter()
        .map(|(decisions, scores)| {
            let estimate = centre.estimate(bootstrap, &scores);
            CurvePoint { decisions, scores, estimate }
        })
        .collect()
}

/// The score of a seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The seed.
    pub seed: u64,
    /// Decisions after which the seed has this score.
    pub decisions: f64,
    /// The score.
    pub score: f64,
    /// Mean height of the seed's curve until then.
    pub average: f64,
}

/// The scores of the seeds of an arm on a task: after the last update, or, with `at`, interpolated at this
/// number of decisions. Seeds that did not reach it are left out.
#[must_use]
pub fn scores(arm: &Arm, task: &str, at: Option<f64>) -> Vec<Scored> {
    let seeds = arm.of_task(task).flat_map(|record| &record.seeds);
    let scored = |seed: &SeedRecord| {
        let (decisions, score) = match at {
            Some(at) => (at, read_off(&seed.curve, at)?),
            None => (seed.decisions as f64, seed.last?),
        };
        let mut until: Vec<_> =
            seed.curve.iter().copied().filter(|(x, _)| *x < decisions).collect();
        until.push((decisions, score));
        Some(Scored { seed: seed.seed, decisions, score, average: average(&until) })
    };
    seeds.filter_map(scored).collect()
}

/// Decisions after which a curve first reaches a level, interpolated linearly; none where it does not reach it.
/// A curve that begins above the level reaches it at its first point.
#[must_use]
pub fn decisions_to_reach(curve: &[CurvePoint], level: f64) -> Option<f64> {
    let place = curve.iter().position(|point| point.estimate.value >= level)?;
    let point = &curve[place];
    let Some(before) = place.checked_sub(1).map(|place| &curve[place]) else {
        return Some(point.decisions);
    };
    let (low, high) = (before.estimate.value, point.estimate.value);
    Some(before.decisions + (level - low) / (high - low) * (point.decisions - before.decisions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(curve: &[(f64, f64)]) -> SeedRecord {
        SeedRecord { seed: 1, decisions: 0, curve: curve.to_vec(), last: None }
    }

    #[test]
    fn curves_are_read_between_their_points_and_not_beyond_them() {
        let (a, b) = (seed(&[(10.0, 0.0), (30.0, 40.0)]), seed(&[(20.0, 5.0), (40.0, 7.0)]));
        let aligned = align(&[&a, &b]);
        let expected = [
            (10.0, vec![0.0]),
            (20.0, vec![20.0, 5.0]),
            (30.0, vec![40.0, 6.0]),
            (40.0, vec![7.0]),
        ];
        assert_eq!(aligned, expected);
    }

    #[test]
    fn a_level_is_reached_between_two_points() {
        let point = |(decisions, value)| CurvePoint {
            decisions,
            scores: vec![],
            estimate: Estimate::exact(value),
        };
        let curve: Vec<_> = [(100.0, 10.0), (200.0, 30.0), (300.0, 20.0)].map(point).to_vec();
        assert_eq!(decisions_to_reach(&curve, 15.0), Some(125.0));
        assert_eq!(decisions_to_reach(&curve, 30.0), Some(200.0));
        assert_eq!(decisions_to_reach(&curve, 5.0), Some(100.0));
        assert_eq!(decisions_to_reach(&curve, 31.0), None);
        assert_eq!(decisions_to_reach(&[], 0.0), None);
    }
}
