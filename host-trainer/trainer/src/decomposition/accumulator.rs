//! Unbiased estimates of the components of Lemma 1, accumulated over trajectories.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | products | `[L][P]` | sums over trajectories and positions, by lag; L is the number of lags, at most T |
//! | sums | `[T][P]` | sums over trajectories, by position |
//!
//! Deviations are taken from the mean over trajectories at the same position. The variance of a trajectory's mean
//! consists of exactly these terms, whether or not the process is stationary. Memory is 4 T P numbers for any number
//! of trajectories; time is 2 L T P multiply-adds per trajectory.

use super::Components;
use super::samples::TrajectoryGradients;

/// Running sums over trajectories.
#[derive(Clone, Debug)]
pub struct Accumulator {
    parameters: usize,
    trajectory_len: usize,
    trajectories: usize,
    marginal_products: Vec<f64>,
    rest_products: Vec<f64>,
    marginal_sums: Vec<f64>,
    rest_sums: Vec<f64>,
    within: Vec<f64>,
    marginal_error: Vec<f64>,
}

/// The components of Lemma 1 for each parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// `Var_s[m(s)]`, `[P]`.
    pub state_variance: Vec<f64>,
    /// `E_s Var_a[g(s, a)]`, `[P]`.
    pub action_variance: Vec<f64>,
    /// Covariances `alpha_t` at lags from 1 on, `[L - 1][P]`.
    pub marginal_covariance: Vec<f64>,
    /// Covariances `alpha^e_t` at lags from 1 on, `[L - 1][P]`.
    pub rest_covariance: Vec<f64>,
}

fn add(sums: &mut [f64], values: &[f64], sign: f64) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += sign * value);
}

/// Adds `scale a_t b_(t+lag)` for all positions and lags to `products [T][P]`.
fn add_products(products: &mut [f64], a: &[f64], b: &[f64], p: usize, scale: f64) {
    for (lag, products) in products.chunks_exact_mut(p).enumerate() {
        for (a, b) in a.chunks_exact(p).zip(b.chunks_exact(p).skip(lag)) {
            for ((product, a), b) in products.iter_mut().zip(a).zip(b) {
                *product += scale * a * b;
            }
        }
    }
}

impl Accumulator {
    /// Returns an accumulator without trajectories, for all lags.
    #[must_use]
    pub fn new(parameters: usize, trajectory_len: usize) -> Self {
        Self::with_lags(parameters, trajectory_len, trajectory_len)
    }

    /// Returns an accumulator without trajectories, for the covariances of lags below `lags` only.
    ///
    /// # Panics
    /// When `lags` is 0 or exceeds `trajectory_len`.
    #[must_use]
    pub fn with_lags(parameters: usize, trajectory_len: usize, lags: usize) -> Self {
        assert!(
            (1..=trajectory_len).contains(&lags),
            "the number of lags is between 1 and the trajectory's length"
        );
        let zeros = vec![0.0; parameters * trajectory_len];
        let products = vec![0.0; parameters * lags];
        Self {
            parameters,
            trajectory_len,
            trajectories: 0,
            marginal_products: products.clone(),
            rest_products: products,
            marginal_sums: zeros.clone(),
            rest_sums: zeros,
            within: vec![0.0; parameters],
            marginal_error: vec![0.0; parameters],
        }
    }

    /// Adds a trajectory, which must be independent of all others.
    ///
    /// # Panics
    /// When the length of the trajectory is not T.
    pub fn add(&mut self, gradients: &TrajectoryGradients) {
        self.trajectories += 1;
        self.count(gradients, 1.0);
    }

    /// Removes a trajectory that was added before.
    ///
    /// # Panics
    /// When the length of the trajectory is not T, or the accumulator has no trajectories.
    pub fn remove(&mut self, gradients: &TrajectoryGradients) {
        assert!(self.trajectories > 0, "the accumulator has a trajectory to remove");
        self.trajectories -= 1;
        self.count(gradients, -1.0);
    }

    fn count(&mut self, gradients: &TrajectoryGradients, sign: f64) {
        let TrajectoryGradients { marginal, rest, within, marginal_error } = gradients;
        let p = self.parameters;
        assert_eq!(
            marginal.len(),
            p * self.trajectory_len,
            "the trajectory has one gradient per state"
        );
        add_products(&mut self.marginal_products, marginal, marginal, p, sign);
        add_products(&mut self.rest_products, rest, marginal, p, sign);
        add(&mut self.marginal_sums, marginal, sign);
        add(&mut self.rest_sums, rest, sign);
        add(&mut self.within, within, sign);
        add(&mut self.marginal_error, marginal_error, sign);
    }

    /// Returns an unbiased estimate of each component, or `None` with fewer than two trajectories.
    #[must_use]
    pub fn finish(mut self) -> Option<Estimate> {
        if self.trajectories < 2 {
            return None;
        }
        let (p, count) = (self.parameters, self.trajectories as f64);
        let (marginal, rest) = (&self.marginal_sums, &self.rest_sums);
        add_products(&mut self.marginal_products, marginal, marginal, p, -1.0 / count);
        add_products(&mut self.rest_products, rest, marginal, p, -1.0 / count);
        let positions = |lag: usize| (self.trajectory_len - lag) as f64;
        for products in [&mut self.marginal_products, &mut self.rest_products] {
            for (lag, products) in products.chunks_exact_mut(p).enumerate() {
                let degrees = positions(lag) * (count - 1.0);
                products.iter_mut().for_each(|product| *product /= degrees);
            }
        }
        // The variance of estimated means includes the variance of the estimation errors, which is subtracted.
        let errors = self.marginal_error.iter().map(|error| error / count);
        let state_variance =
            self.marginal_products[..p].iter().zip(errors).map(|(all, error)| all - error);
        Some(Estimate {
            state_variance: state_variance.collect(),
            action_variance: self.within.iter().map(|within| within / count).collect(),
            marginal_covariance: self.marginal_products.split_off(p),
            rest_covariance: self.rest_products.split_off(p),
        })
    }
}

impl Estimate {
    /// Adds another estimate, component by component.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.state_variance, &other.state_variance, 1.0);
        add(&mut self.action_variance, &other.action_variance, 1.0);
        add(&mut self.marginal_covariance, &other.marginal_covariance, 1.0);
        add(&mut self.rest_covariance, &other.rest_covariance, 1.0);
    }

    /// Multiplies all components by `factor`.
    pub fn scale(&mut self, factor: f64) {
        let all = [
            &mut self.state_variance,
            &mut self.action_variance,
            &mut self.marginal_covariance,
            &mut self.rest_covariance,
        ];
        all.into_iter().flatten().for_each(|value| *value *= factor);
    }

    /// The mean of each component over the parameters.
    #[must_use]
    pub fn mean(&self) -> Components {
        let p = self.state_variance.len();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / p as f64;
        Components {
            state_variance: mean(&self.state_variance),
            action_variance: mean(&self.action_variance),
            marginal_covariance: self.marginal_covariance.chunks_exact(p).map(mean).collect(),
            rest_covariance: self.rest_covariance.chunks_exact(p).map(mean).collect(),
        }
    }

    /// The estimate without the parameters of one block: those whose index modulo `blocks` is `block`.
    #[must_use]
    pub fn without(&self, block: usize, blocks: usize) -> Self {
        let p = self.state_variance.len();
        let kept = |values: &[f64]| -> Vec<f64> {
            let numbered = values.iter().enumerate();
            numbered.filter(|(i, _)| i % p % blocks != block).map(|(_, value)| *value).collect()
        };
        Self {
            state_variance: kept(&self.state_variance),
            action_variance: kept(&self.action_variance),
            marginal_covariance: kept(&self.marginal_covariance),
            rest_covariance: kept(&self.rest_covariance),
        }
    }

    /// The components of one parameter.
    #[must_use]
    pub fn parameter(&self, parameter: usize) -> Components {
        let p = self.state_variance.len();
        let lags = |values: &[f64]| values.iter().skip(parameter).step_by(p).copied().collect();
        Components {
            state_variance: self.state_variance[parameter],
            action_variance: self.action_variance[parameter],
            marginal_covariance: lags(&self.marginal_covariance),
            rest_covariance: lags(&self.rest_covariance),
        }
    }
}
