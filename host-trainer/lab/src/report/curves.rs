//! Learning curves over seeds, and the scores that are compared.
//!
//! | symbol | meaning |
//! |---|---|
//! | decisions | of each seed, from the start of training |
//! | centre | the statistic over seeds: [`Centre`] |

use super::record::SeedRecord;
use super::study::Arm;
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
    /// Of some values.
    #[must_use]
    pub fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Iqm => statistics::iqm(values),
            Self::Mean => statistics::mean(values),
        }
    }

    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Iqm => "IQM",
            Self::Mean => "mean",
        }
    }

    /// Of one task's seeds, with its interval.
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
    /// The score of every seed that got here.
    pub scores: Vec<f64>,
    /// Their centre.
    pub estimate: Estimate,
}

/// Aligns seeds' curves on decisions: at every moment at which one of them has a score, each of them
/// is read off, linearly between its own scores, never before its first nor after its last.
#[must_use]
pub fn align(seeds: &[&SeedRecord]) -> Vec<(f64, Vec<f64>)> {
    let mut moments: Vec<f64> =
        seeds.iter().flat_map(|seed| seed.curve.iter().map(|(x, _)| *x)).collect();
    moments.sort_unstable_by(f64::total_cmp);
    moments.dedup();
    let scores = |x: f64| seeds.iter().filter_map(|seed| read_off(&seed.curve, x)).collect();
    moments.into_iter().map(|x| (x, scores(x))).collect()
}

/// Height of a curve at `x`, within it.
fn read_off(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = curve.partition_point(|(at, _)| *at < x);
    let (right, value) = *curve.get(after)?;
    if right == x {
        return Some(value);
    }
    let (left, before) = *curve.get(after.checked_sub(1)?)?;
    Some(before + (x - left) / (right - left) * (value - before))
}

/// An arm's curve on a task.
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

/// A seed's score and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The seed.
    pub seed: u64,
    /// Decisions until then.
    pub decisions: f64,
    /// The score.
    pub score: f64,
    /// Mean height of the curve until then.
    pub average: f64,
}

/// The scores of an arm's seeds on a task: after the last update, or, with `at`, read off the curve
/// at that many decisions (seeds that did not get so far have none).
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

/// Decisions after which a curve first reaches a level, linearly between its points; none where it
/// does not. A curve that begins above it reaches it at its first point.
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
