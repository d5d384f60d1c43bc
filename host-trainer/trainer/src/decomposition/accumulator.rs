//! Unbiased estimates of Lemma 1's components from trajectories, one at a time.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | products | `[L][P]` | sums over trajectories and positions, by lag; L is T unless fewer are asked for |
//! | sums | `[T][P]` | sums over trajectories, by position |
//!
//! Deviations are taken from the mean of their own position in the trajectory: the variance of a
//! trajectory's mean is made of exactly these, stationary or not. Memory is 4 T P numbers, whatever the
//! number of trajectories; time 2 L T P multiply-adds a trajectory.

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

/// Components for each parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// `[P]`
    pub state_variance: Vec<f64>,
    /// `[P]`
    pub action_variance: Vec<f64>,
    /// `[L - 1][P]`
    pub marginal_covariance: Vec<f64>,
    /// `[L - 1][P]`
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
    /// Of no trajectory.
    #[must_use]
    pub fn new(parameters: usize, trajectory_len: usize) -> Self {
        Self::with_lags(parameters, trajectory_len, trajectory_len)
    }

    /// Of no trajectory, for the covariances of lags below `lags` only.
    ///
    /// # Panics
    /// Without a lag, or with more than the trajectory has.
    #[must_use]
    pub fn with_lags(parameters: usize, trajectory_len: usize, lags: usize) -> Self {
        assert!((1..=trajectory_len).contains(&lags), "lags of a trajectory");
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

    /// Takes a trajectory, independent of all others.
    ///
    /// # Panics
    /// When it is not T long.
    pub fn add(&mut self, gradients: &TrajectoryGradients) {
        self.trajectories += 1;
        self.count(gradients, 1.0);
    }

    /// Takes back a trajectory that was added.
    ///
    /// # Panics
    /// When it is not T long, or none is left.
    pub fn remove(&mut self, gradients: &TrajectoryGradients) {
        assert!(self.trajectories > 0, "a trajectory that was added");
        self.trajectories -= 1;
        self.count(gradients, -1.0);
    }

    fn count(&mut self, gradients: &TrajectoryGradients, sign: f64) {
        let TrajectoryGradients { marginal, rest, within, marginal_error } = gradients;
        let p = self.parameters;
        assert_eq!(marginal.len(), p * self.trajectory_len, "every state of the trajectory");
        add_products(&mut self.marginal_products, marginal, marginal, p, sign);
        add_products(&mut self.rest_products, rest, marginal, p, sign);
        add(&mut self.marginal_sums, marginal, sign);
        add(&mut self.rest_sums, rest, sign);
        add(&mut self.within, within, sign);
        add(&mut self.marginal_error, marginal_error, sign);
    }

    /// The components, each without bias; `None` before the second trajectory.
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
        // The variance of estimated means contains the variance of the estimates.
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
    /// Adds another, component by component.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.state_variance, &other.state_variance, 1.0);
        add(&mut self.action_variance, &other.action_variance, 1.0);
        add(&mut self.marginal_covariance, &other.marginal_covariance, 1.0);
        add(&mut self.rest_covariance, &other.rest_covariance, 1.0);
    }

    /// Multiplies all components.
    pub fn scale(&mut self, factor: f64) {
        let all = [
            &mut self.state_variance,
            &mut self.action_variance,
            &mut self.marginal_covariance,
            &mut self.rest_covariance,
        ];
        all.into_iter().flatten().for_each(|value| *value *= factor);
    }

    /// The mean over parameters.
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

    /// The same without every `blocks`-th parameter from `block` on.
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

    /// One parameter's.
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
