//! Tests of the formulas, and of the mistakes in the paper, against thousands of independent gradient estimates.

use crate::exact::{Solved, Tabular};
use daa_trainer::decomposition::{Components, Verdict, corollary_1};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const THETA: [f64; 3] = [0.4, -0.3, 0.8];

/// A variance and its standard error.
#[derive(Clone, Copy, Debug)]
struct Counted {
    variance: f64,
    error: f64,
}

impl Counted {
    /// Distance to a prediction in standard errors.
    fn off(self, prediction: f64) -> f64 {
        (self.variance - prediction).abs() / self.error
    }

    fn less(self, other: Self) -> Self {
        Self { variance: self.variance - other.variance, error: self.error.hypot(other.error) }
    }
}

/// The sample variance of each parameter over independent estimates.
fn count(solved: &Solved<'_>, seed: u64, num_actions: usize, len: usize) -> Vec<Counted> {
    let estimates = 20_000;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let all: Vec<Vec<f64>> =
        (0..estimates).map(|_| solved.estimate(&mut rng, len, num_actions)).collect();
    let n = f64::from(estimates);
    let one = |p: usize| {
        let mean = all.iter().map(|x| x[p]).sum::<f64>() / n;
        let moment = |power| all.iter().map(|x| (x[p] - mean).powi(power)).sum::<f64>() / n;
        let variance = moment(2) * n / (n - 1.0);
        Counted { variance, error: ((moment(4) - variance * variance) / n).sqrt() }
    };
    (0..THETA.len()).map(one).collect()
}

/// Largest distance over the parameters.
fn worst(counted: &[Counted], prediction: impl Fn(usize) -> f64) -> f64 {
    counted.iter().enumerate().map(|(p, c)| c.off(prediction(p))).fold(0.0, f64::max)
}

/// Over all parameters and settings of a test a few hundred comparisons are made: 4.5 standard errors
/// are passed by chance once in a thousand tests.
const CLOSE: f64 = 4.5;

#[test]
fn counted_variances_are_those_of_lemma_1_and_the_misreadings_are_not() {
    let problem = Tabular::example(0.9);
    let solved = problem.solve(&THETA);
    let exact = solved.components(20);
    let mut misread = [0.0f64; 4];
    for (seed, (n, len)) in [(1, 5), (2, 5), (4, 5), (1, 12), (3, 12)].into_iter().enumerate() {
        let counted = count(&solved, seed as u64, n, len);
        let off = worst(&counted, |p| exact[p].variance(n, len));
        assert!(off < CLOSE, "N = {n}, T = {len}: {off}");
        let (nf, t) = (n as f64, len as f64);
        // Table 1's labels, without the factor 2 of Eq. 7.
        let without_2 = |c: &Components| {
            let sums = c.marginal_sum(len) / 2.0 + c.rest_sum(len) / 2.0 / nf;
            (c.state_variance + c.action_variance / nf + sums) / t
        };
        // Eq. 13 and 14 together: the covariances are divided by T once too often.
        let too_small = |c: &Components| {
            let sums = (c.marginal_sum(len) + c.rest_sum(len) / nf) / t;
            (c.state_variance + c.action_variance / nf + sums) / t
        };
        // Eq. 6 with the covariance over states and actions where the one given the state belongs.
        let not_conditioned = |c: &Components| c.variance(n, len) + c.marginal_sum(len) / nf / t;
        // Eq. 23, Cov_t = alpha_t + alpha^e_t, for any N.
        let not_divided =
            |c: &Components| c.variance(n, len) + (1.0 - 1.0 / nf) * c.rest_sum(len) / t;
        let readings: [&dyn Fn(&Components) -> f64; 4] =
            [&without_2, &too_small, &not_conditioned, &not_divided];
        for (misread, reading) in misread.iter_mut().zip(readings) {
            *misread = misread.max(worst(&counted, |p| reading(&exact[p])));
        }
    }
    assert!(misread.iter().all(|off| *off > 2.0 * CLOSE), "{misread:?}");
}

#[test]
fn counted_changes_are_those_of_lemma_2_and_the_misprint_is_not() {
    let problem = Tabular::example(0.9);
    let solved = problem.solve(&THETA);
    let exact = solved.components(40);
    for (seed, (n, len, extension)) in
        [(1, 6, 1.0), (2, 6, 0.5), (3, 4, 2.0)].into_iter().enumerate()
    {
        let seed = 100 + 10 * seed as u64;
        let longer = (len as f64 * (1.0 + extension)).round() as usize;
        let here = count(&solved, seed, n, len);
        let more_actions = count(&solved, seed + 1, n + 1, len);
        let more_states = count(&solved, seed + 2, n, longer);
        let change = |after: &[Counted]| -> Vec<Counted> {
            after.iter().zip(&here).map(|(after, before)| after.less(*before)).collect()
        };
        let (by_actions, by_states) = (change(&more_actions), change(&more_states));
        let off = worst(&by_actions, |p| exact[p].delta_actions(n, len));
        assert!(off < CLOSE, "Delta_N at {n}, {len}: {off}");
        let off = worst(&by_states, |p| exact[p].delta_states(n, len, extension));
        assert!(off < CLOSE, "Delta_T at {n}, {len}, {extension}: {off}");
        // The second line of Eq. 26 has -delta T / (T + delta T) where -delta / (T + delta T) belongs.
        let misprint = |p: usize| {
            let c: &Components = &exact[p];
            let variance = c.state_variance + c.action_variance / n as f64;
            let surplus = extension * (len as f64 - 1.0) / longer as f64;
            c.delta_states(n, len, extension) - surplus * variance
        };
        assert!(worst(&by_states, misprint) > 2.0 * CLOSE);
    }
}

/// A chain that moves once in ten steps: at T = 4 most of its covariances have lags above T.
#[test]
fn late_covariances_decide_where_the_chain_forgets_slowly() {
    let problem = Tabular::example(0.1);
    let solved = problem.solve(&THETA);
    let exact = solved.components(200);
    let (n, len, extension) = (1, 4, 1.0);
    let (here, longer) = (count(&solved, 7, n, len), count(&solved, 8, n, 2 * len));
    let change: Vec<Counted> = longer.iter().zip(&here).map(|(a, b)| a.less(*b)).collect();
    assert!(worst(&change, |p| exact[p].delta_states(n, len, extension)) < CLOSE);
    // Eq. 27 assumes that these covariances are zero.
    let printed = worst(&change, |p| exact[p].up_to(len - 1).delta_states(n, len, extension));
    assert!(printed > 2.0 * CLOSE, "{printed}");
}

/// The mean of the variances over parameters: one number for each estimate, so that its error includes their
/// correlation.
fn count_mean(solved: &Solved<'_>, seed: u64, num_actions: usize, len: usize) -> Counted {
    let estimates = 60_000;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let exact = solved.stationary_gradient();
    let (mut sum, mut squares) = (0.0, 0.0);
    for _ in 0..estimates {
        let estimate = solved.estimate(&mut rng, len, num_actions);
        let deviations = estimate.iter().zip(&exact).map(|(x, mean)| (x - mean).powi(2));
        let square = deviations.sum::<f64>() / exact.len() as f64;
        sum += square;
        squares += square * square;
    }
    let n = f64::from(estimates);
    let variance = sum / n;
    Counted { variance, error: ((squares / n - variance * variance) / n).sqrt() }
}

/// The verdicts, not only the numbers: by counting, more actions are right where the condition says
/// so, and Eq. 30 as printed says the opposite where late covariances decide.
#[test]
fn counted_verdicts_are_the_conditions_and_the_printed_one_fails_on_a_slow_chain() {
    let (mut verdicts, mut misled) = (Vec::new(), Vec::new());
    for (obedience, n, len, extension) in
        [(0.9, 1, 6, 0.5), (0.9, 1, 12, 1.0 / 6.0), (0.9, 2, 6, 1.0), (0.05, 1, 6, 0.5)]
    {
        let problem = Tabular::example(obedience);
        let solved = problem.solve(&THETA);
        let exact = Components::mean(&solved.components(400));
        let longer = (len as f64 * (1.0 + extension)).round() as usize;
        let actions = count_mean(&solved, 21, n + 1, len);
        let states = count_mean(&solved, 22, n, longer);
        let difference = states.less(actions);
        let condition = exact.condition(n, len, extension);
        let predicted = condition.margin() * extension / longer as f64;
        assert!(difference.off(predicted) < CLOSE, "{difference:?} {predicted}");
        let name = format!("{obedience} {n} {len} {extension}");
        assert!(difference.off(0.0) > 3.0, "{name} is too close to call: {difference:?}");
        assert_eq!(difference.variance > 0.0, condition.verdict() == Verdict::MoreActions);
        verdicts.push(condition.verdict());
        let printed = exact.up_to(len - 1).condition(n, len, extension);
        misled.push(printed.verdict() != condition.verdict());
    }
    use Verdict::{MoreActions, MoreStates};
    assert_eq!(verdicts, [MoreStates, MoreActions, MoreStates, MoreActions]);
    assert_eq!(misled, [false, false, false, true]);
}

/// A bandit, counted: a second action is worthwhile at a tenth of the cost of a state, and not at its full cost.
#[test]
fn counted_bandits_obey_the_corollary() {
    let problem = Tabular::bandit();
    let solved = problem.solve(&THETA);
    let exact = Components::mean(&solved.components(1));
    let actions = count_mean(&solved, 31, 2, 10);
    for (extension, expected) in [(0.1, Verdict::MoreActions), (1.0, Verdict::MoreStates)] {
        let longer = (10.0 * (1.0 + extension)) as usize;
        let difference = count_mean(&solved, 32, 1, longer).less(actions);
        assert!(difference.off(0.0) > 4.0, "too close to call: {difference:?}");
        assert_eq!(difference.variance > 0.0, expected == Verdict::MoreActions);
        let corollary = corollary_1(exact.state_variance, exact.action_variance, 1, extension);
        assert_eq!(corollary.verdict(), expected);
    }
}
