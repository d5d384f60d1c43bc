//! Random projections of per-sample gradients: they give the mean of every component over the parameters at a fraction
//! of the cost.
//!
//! For a vector r of independent random signs, the mean of `(r . g)(r . h)` is `g . h`, and means of variances and
//! covariances over parameters consist of such products. The gradient of a layer is an outer product, so the signs are
//! an outer product too, `r = u v'`: then `r . (x delta') = (u . x)(v . delta)` costs in + out multiply-adds per
//! projection instead of in x out.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `u`, `v`, `w` | `[layers][Q][in]`, `[Q][out]`, `[Q][out]` | signs for a layer's inputs, outputs and biases |
//! | projected score | `[Q]` | takes the place of `[P]` in [`super::TrajectoryGradients`] |

use super::actor::dot;
use super::{Actor, Components, Estimate, Scores};
use rand::{Rng, RngExt as _};

/// Q projections of an actor's gradients.
#[derive(Clone, Debug)]
pub struct Projection {
    count: usize,
    parameters: usize,
    layers: Vec<Signs>,
    log_std: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Signs {
    inputs: Vec<f64>,
    outputs: Vec<f64>,
    biases: Vec<f64>,
}

fn signs(rng: &mut impl Rng, len: usize) -> Vec<f64> {
    (0..len).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect()
}

impl Projection {
    /// Draws `count` random projections for an actor's gradients.
    pub fn new(rng: &mut impl Rng, actor: &Actor, count: usize) -> Self {
        let layer = |(input, output): (usize, usize)| Signs {
            inputs: signs(rng, count * input),
            outputs: signs(rng, count * output),
            biases: signs(rng, count * output),
        };
        let layers = actor.layer_sizes().map(layer).collect();
        let log_std = signs(rng, count * actor.actions());
        Self { count, parameters: actor.params().len(), layers, log_std }
    }

    /// Number of projections, Q.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Writes the projections of `grad ln pi` of one sample to `projected [Q]`.
    pub fn write(&self, scores: &Scores<'_>, sample: usize, projected: &mut [f64]) {
        projected.fill(0.0);
        for (signs, (x, delta)) in self.layers.iter().zip(scores.factors(sample)) {
            let rows = signs
                .inputs
                .chunks_exact(x.len())
                .zip(signs.outputs.chunks_exact(delta.len()))
                .zip(signs.biases.chunks_exact(delta.len()));
            for (slot, ((u, v), w)) in projected.iter_mut().zip(rows) {
                *slot += dot(u, x) * dot(v, delta) + dot(w, delta);
            }
        }
        let by_log_std = scores.by_log_std(sample);
        for (slot, signs) in projected.iter_mut().zip(self.log_std.chunks_exact(by_log_std.len())) {
            *slot += dot(signs, by_log_std);
        }
    }

    /// Signs for the log standard deviations, `[Q][A]`.
    pub(super) fn log_std_signs(&self) -> &[f64] {
        &self.log_std
    }

    /// Returns components as means over *parameters* from an estimate over projections, because the variance of a
    /// projection is the sum of the variances of all parameters.
    #[must_use]
    pub fn components(&self, estimate: &Estimate) -> Components {
        let mut estimate = estimate.clone();
        estimate.scale(1.0 / self.parameters as f64);
        estimate.mean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decomposition::{Accumulator, TrajectoryGradients};
    use daa_core::Activation;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn normal(rng: &mut ChaCha8Rng, len: usize) -> Vec<f64> {
        (0..len).map(|_| StandardNormal.sample(rng)).collect()
    }

    #[test]
    fn products_of_projections_average_to_products_of_gradients() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let actor = Actor::new(&mut rng, vec![3, 6, 5, 2], Activation::Tanh, 0.7);
        let (observations, actions) = (normal(&mut rng, 6), normal(&mut rng, 4));
        let pass = actor.pass(&observations);
        let scores = actor.scores(&pass, &[0, 1], &actions);
        let p = actor.params().len();
        let (mut g, mut h) = (vec![0.0; p], vec![0.0; p]);
        scores.write(0, &mut g);
        scores.write(1, &mut h);
        let count = 40_000;
        let projection = Projection::new(&mut rng, &actor, count);
        let (mut a, mut b) = (vec![0.0; count], vec![0.0; count]);
        projection.write(&scores, 0, &mut a);
        projection.write(&scores, 1, &mut b);
        for (x, y, exact) in [(&a, &b, dot(&g, &h)), (&a, &a, dot(&g, &g))] {
            let n = count as f64;
            let mean = dot(x, y) / n;
            let squares: f64 = x.iter().zip(y).map(|(x, y)| (x * y - mean).powi(2)).sum();
            let error = (squares / n / n).sqrt();
            assert!((mean - exact).abs() < 4.0 * error, "{mean} {exact} +- {error}");
            assert!(
                exact.abs() > 8.0 * error,
                "the product is too small for its error, so the test shows nothing"
            );
        }
    }

    #[test]
    fn projected_components_are_those_of_all_parameters() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let actor = Actor::new(&mut rng, vec![3, 16, 1], Activation::Relu, 0.7);
        let (len, actions, count) = (4, 3, 400);
        let p = actor.params().len();
        let projection = Projection::new(&mut rng, &actor, count);
        let mut full = Accumulator::new(p, len);
        let mut cheap = Accumulator::new(count, len);
        let owners: Vec<usize> = (0..len * actions).map(|sample| sample / actions).collect();
        for _ in 0..200 {
            let observations = normal(&mut rng, len * 3);
            let drawn = normal(&mut rng, len * actions);
            let returns: Vec<f64> =
                normal(&mut rng, len * actions * 2).iter().map(|noise| 3.0 + 0.1 * noise).collect();
            let pass = actor.pass(&observations);
            let scores = actor.scores(&pass, &owners, &drawn);
            let mut of_all = TrajectoryGradients::new(p, len);
            let mut of_few = TrajectoryGradients::new(count, len);
            for (t, returns) in returns.chunks_exact(actions * 2).enumerate() {
                let (mut all, mut few) = (vec![0.0; actions * p], vec![0.0; actions * count]);
                for action in 0..actions {
                    let sample = t * actions + action;
                    scores.write(sample, &mut all[action * p..][..p]);
                    projection.write(&scores, sample, &mut few[action * count..][..count]);
                }
                of_all.push(&all, returns, actions, len);
                of_few.push(&few, returns, actions, len);
            }
            full.add(&of_all);
            cheap.add(&of_few);
        }
        let exact = full.finish().unwrap().mean();
        let estimate = cheap.finish().unwrap();
        let projected = projection.components(&estimate);
        // With 400 projections, each component is accurate within a few percent.
        let ratio = projected.action_variance / exact.action_variance;
        assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
        assert!(exact.action_variance > 1e-3);
        // Negative control: without the division by the number of parameters, the estimate differs.
        assert!(estimate.mean().action_variance > 10.0 * exact.action_variance);
    }
}
