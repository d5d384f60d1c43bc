//! Unbiased estimates of the bias and the variance of a gradient estimator, relative to a reference.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | estimate, reference | `[P]` | `n` and `m` independent gradients |
//! | `V` | | sum over parameters of the variance of one estimate |
//! | relative bias | | `abs(E estimate - E reference) / abs(E reference)` |
//! | relative variance | | `V / abs(E reference)^2` |
//!
//! The squared distance of two means contains their variance, `V_n / n + V_m / m`, which is subtracted. The
//! variance of the reference is also subtracted from its squared length. The results may be negative by chance.

use daa_trainer::decomposition::{Uncertain, student};

/// Number of groups; the interval of a result follows from leaving out one group at a time.
const GROUPS: usize = 25;

/// Sums over gradients by group. The memory does not depend on the number of gradients.
#[derive(Clone, Debug)]
pub struct Gradients {
    groups: Vec<Group>,
    next: usize,
}

#[derive(Clone, Debug, Default)]
struct Group {
    count: f64,
    sum: Vec<f64>,
    squares: f64,
}

/// Bias and variance of an estimator relative to the reference; NaN where there are too few gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Squared relative bias.
    pub squared_bias: Uncertain,
    /// Relative variance of one estimate.
    pub variance: Uncertain,
}

impl Quality {
    /// Relative bias and its 95 % interval: `[estimate, low, high]`.
    #[must_use]
    pub fn bias(self) -> [f64; 3] {
        let Uncertain { value, error } = self.squared_bias;
        [value, value - error, value + error].map(|square| square.max(0.0).sqrt())
    }

    /// Whether the bias is larger than its uncertainty.
    #[must_use]
    pub fn is_biased(self) -> bool {
        self.squared_bias.value > self.squared_bias.error
    }
}

impl Group {
    fn add(&mut self, other: &Self, sign: f64) {
        self.count += sign * other.count;
        self.squares += sign * other.squares;
        self.sum.resize(other.sum.len(), 0.0);
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, x)| *sum += sign * x);
    }

    /// Squared length of the mean.
    fn mean_square(&self) -> f64 {
        self.sum.iter().map(|x| x * x).sum::<f64>() / (self.count * self.count)
    }

    /// `V`.
    fn variance(&self) -> f64 {
        (self.squares - self.count * self.mean_square()) / (self.count - 1.0)
    }

    /// Squared bias and variance, relative.
    fn against(&self, reference: &Self) -> [f64; 2] {
        let (own, theirs) = (self.variance(), reference.variance());
        let distance: f64 = self
            .sum
            .iter()
            .zip(&reference.sum)
            .map(|(a, b)| (a / self.count - b / reference.count).powi(2))
            .sum();
        let error = theirs / reference.count;
        let length = reference.mean_square() - error;
        [(distance - own / self.count - error) / length, own / length]
    }
}

impl Default for Gradients {
    fn default() -> Self {
        Self { groups: vec![Group::default(); GROUPS], next: 0 }
    }
}

impl Gradients {
    /// Adds a gradient, `[P]`.
    pub fn add(&mut self, gradient: Vec<f64>) {
        let squares = gradient.iter().map(|x| x * x).sum();
        self.groups[self.next % GROUPS].add(&Group { count: 1.0, sum: gradient, squares }, 1.0);
        self.next += 1;
    }

    /// Number of gradients.
    #[must_use]
    pub fn count(&self) -> usize {
        self.next
    }

    fn whole(&self) -> Group {
        let mut whole = Group::default();
        self.groups
            .iter()
            .filter(|group| group.count > 0.0)
            .for_each(|group| whole.add(group, 1.0));
        whole
    }

    /// For each group, the sums over the other groups.
    fn without<'a>(&'a self, whole: &'a Group) -> impl Iterator<Item = Group> + 'a {
        self.groups.iter().filter(|group| group.count > 0.0).map(|group| {
            let mut rest = whole.clone();
            rest.add(group, -1.0);
            rest
        })
    }

    /// Compares the gradients with a reference of independent gradients. Intervals follow from leaving out one group
    /// of either.
    #[must_use]
    pub fn against(&self, reference: &Self) -> Quality {
        let (own, theirs) = (self.whole(), reference.whole());
        let [squared_bias, variance] = own.against(&theirs);
        let spread = |left: Vec<[f64; 2]>| -> [f64; 2] {
            let count = left.len() as f64;
            [0, 1].map(|i| {
                let mean = left.iter().map(|x| x[i]).sum::<f64>() / count;
                let squares: f64 = left.iter().map(|x| (x[i] - mean).powi(2)).sum();
                (count - 1.0) / count * squares
            })
        };
        let a = spread(self.without(&own).map(|own| own.against(&theirs)).collect());
        let b = spread(reference.without(&theirs).map(|theirs| own.against(&theirs)).collect());
        let fewest = self.next.min(reference.next).min(GROUPS);
        let error = |i: usize| student(fewest) * (a[i] + b[i]).sqrt();
        Quality {
            squared_bias: Uncertain { value: squared_bias, error: error(0) },
            variance: Uncertain { value: variance, error: error(1) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{Solved, Tabular};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    const THETA: [f64; 3] = [0.4, -0.3, 0.8];

    fn estimates(solved: &Solved<'_>, seed: u64, count: usize, num_actions: usize) -> Gradients {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut gradients = Gradients::default();
        (0..count).for_each(|_| gradients.add(solved.estimate(&mut rng, 40, num_actions)));
        gradients
    }

    #[test]
    fn hand_computed_means_give_hand_computed_bias() {
        // Means (3, 1) and (2, 0), each from two gradients; V = 2 and 2; distance 2 - 1 - 1, length 4 - 1.
        let of = |rows: [[f64; 2]; 2]| {
            let mut gradients = Gradients::default();
            rows.iter().for_each(|row| gradients.add(row.to_vec()));
            gradients
        };
        let found = of([[4.0, 1.0], [2.0, 1.0]]).against(&of([[2.0, 1.0], [2.0, -1.0]]));
        assert!(found.squared_bias.value.abs() < 1e-12);
        assert!((found.variance.value - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn more_actions_have_no_bias_and_the_variance_of_lemma_1() {
        let problem = Tabular::example(0.9);
        let solved = problem.solve(&THETA);
        let length: f64 = solved.stationary_gradient().iter().map(|x| x * x).sum();
        let components = solved.components(39);
        let mut outside = 0;
        for seed in 0..20 {
            let reference = estimates(&solved, 100 + seed, 1000, 1);
            let found = estimates(&solved, seed, 250, 3).against(&reference);
            outside += u32::from(found.is_biased());
            let exact = components.iter().map(|c| c.variance(3, 40)).sum::<f64>() / length;
            let off = (found.variance.value - exact).abs() / found.variance.error;
            assert!(off < 2.0, "{off} half widths");
        }
        // The interval should be exceeded once in forty trials.
        assert!(outside <= 3, "{outside} of 20");
    }

    #[test]
    fn a_planted_bias_is_found() {
        let problem = Tabular::example(0.9);
        let solved = problem.solve(&THETA);
        let exact = solved.stationary_gradient();
        let length: f64 = exact.iter().map(|x| x * x).sum();
        // The values of one action are wrong, as those of a model with an error in this action.
        let mut wrong = solved.clone();
        wrong.q.iter_mut().skip(1).step_by(3).for_each(|q| *q += 0.8);
        let planted = wrong.stationary_gradient();
        let bias: f64 = planted.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
        let bias = (bias / length).sqrt();
        let reference = estimates(&solved, 1, 4000, 1);
        let found = estimates(&wrong, 2, 1000, 3).against(&reference);
        assert!(found.is_biased(), "{found:?}");
        let [_, low, high] = found.bias();
        assert!((low..=high).contains(&bias), "{bias} {low} {high}");
        assert!(bias > 0.1);
    }
}
