//! Point estimates over seeds and tasks, as in "Deep Reinforcement Learning at the Edge of the
//! Statistical Precipice" (Agarwal et al., 2021) and its library `rliable`.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | scores | `[K][S_k]` | one score for each of the `S_k` seeds of each of the `K` tasks |
//! | curve | `[P]` of `(x, y)` | in increasing order of `x` |
//!
//! Tasks may have different numbers of seeds. Every function returns NaN where there is no score.

/// Arithmetic mean.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Interquartile mean: the mean without the lowest and the highest quarter of the values. The number of values
/// in a quarter is rounded down, so three values and fewer have their plain mean.
///
/// ```
/// use daa_lab::stats::statistics::iqm;
/// assert_eq!(iqm(&[900.0, 2.0, 1.0, 3.0, 0.0]), 2.0);
/// ```
#[must_use]
pub fn iqm(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// The `q`-quantile of sorted values, 0 to 1, linear between neighbours.
#[must_use]
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let share = place - below as f64;
    sorted[below] + share * (sorted[above] - sorted[below])
}

/// Area under a curve by the trapezoidal rule.
#[must_use]
pub fn area(curve: &[(f64, f64)]) -> f64 {
    curve.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum()
}

/// Mean height of a curve: the area under it divided by its width. A single point has its own height.
#[must_use]
pub fn average(curve: &[(f64, f64)]) -> f64 {
    match curve {
        [] => f64::NAN,
        [first, .., last] if last.0 > first.0 => area(curve) / (last.0 - first.0),
        [first, ..] => first.1,
    }
}

/// A statistic, such as [`iqm`] or [`mean`], of the scores of all tasks together.
#[must_use]
pub fn pooled(scores: &[Vec<f64>], statistic: impl Fn(&[f64]) -> f64) -> f64 {
    statistic(&scores.concat())
}

/// Performance profile: the share of seeds that score more than `threshold`, mean over tasks.
#[must_use]
pub fn share_above(scores: &[Vec<f64>], threshold: f64) -> f64 {
    over_tasks(scores.iter().map(|seeds| {
        seeds.iter().filter(|score| **score > threshold).count() as f64 / seeds.len() as f64
    }))
}

/// Probability of improvement: the probability that a seed of `ours` scores more than a seed of `theirs` on the
/// same task, where a tie counts one half (Mann and Whitney's U divided by the number of pairs). Mean over
/// tasks.
///
/// ```
/// use daa_lab::stats::statistics::probability_of_improvement;
/// // 3 > 1, 3 > 2, 2 > 1, and 2 = 2 counts half: 3.5 of 4 pairs.
/// let probability = probability_of_improvement(&[vec![3.0, 2.0]], &[vec![1.0, 2.0]]);
/// assert_eq!(probability, 3.5 / 4.0);
/// ```
#[must_use]
pub fn probability_of_improvement(ours: &[Vec<f64>], theirs: &[Vec<f64>]) -> f64 {
    over_tasks(ours.iter().zip(theirs).map(|(ours, theirs)| {
        let won: f64 = ours.iter().flat_map(|a| theirs.iter().map(move |b| won(*a, *b))).sum();
        won / (ours.len() * theirs.len()) as f64
    }))
}

fn won(a: f64, b: f64) -> f64 {
    if a > b {
        1.0
    } else if a == b {
        0.5
    } else {
        0.0
    }
}

/// Mean over the tasks that have scores.
fn over_tasks(values: impl Iterator<Item = f64>) -> f64 {
    mean(&values.filter(|value| !value.is_nan()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interquartile_mean_leaves_out_whole_quarters() {
        // 7 values: one off each end; 8: two.
        assert_eq!(
            iqm(&[7.0, 1.0, 2.0, 6.0, 3.0, 4.0, 5000.0]),
            (2.0 + 3.0 + 4.0 + 6.0 + 7.0) / 5.0
        );
        assert_eq!(iqm(&[-9.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 99.0]), 2.5);
        assert_eq!(iqm(&[1.0, 2.0, 6.0]), 3.0);
        assert!(iqm(&[]).is_nan());
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sorted = [10.0, 20.0, 40.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&sorted, q)),
            [10.0, 15.0, 20.0, 30.0, 40.0]
        );
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_curve_has_an_area_and_a_mean_height() {
        // A triangle of width 2 and height 4 beside a rectangle of width 3 and height 4.
        let curve = [(0.0, 0.0), (2.0, 4.0), (5.0, 4.0)];
        assert_eq!(area(&curve), 4.0 + 12.0);
        assert_eq!(average(&curve), 16.0 / 5.0);
        assert_eq!(average(&curve[..1]), 0.0);
    }

    #[test]
    fn every_task_weighs_the_same_in_profiles() {
        // Half of one task's seeds and all of the other's.
        let scores = [vec![1.0, 3.0], vec![9.0, 9.0, 9.0, 9.0], vec![]];
        assert_eq!(share_above(&scores, 2.0), 0.75);
        // A score at the threshold is not above it.
        assert_eq!(share_above(&scores, 9.0), 0.0);
    }

    #[test]
    fn improvement_is_even_against_oneself_and_certain_against_the_worse() {
        let (low, high) = ([vec![1.0, 2.0, 3.0]], [vec![4.0, 5.0]]);
        assert_eq!(probability_of_improvement(&low, &low), 0.5);
        assert_eq!(probability_of_improvement(&high, &low), 1.0);
        assert_eq!(probability_of_improvement(&low, &high), 0.0);
    }
}
