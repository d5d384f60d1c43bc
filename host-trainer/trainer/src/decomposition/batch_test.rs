//! Tests that compare the estimated components of training batches with the empirical variance of gradients.

use super::batch::{BatchSamples, Pieces, measure_batch};
use super::{Actor, Components, Prices, Projection};
use daa_core::Activation;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

const LEN: usize = 8;
/// Trajectories per batch.
const BATCH: usize = 32;

/// A policy whose actions move a point on a line, with known advantages of all actions.
struct Problem {
    actor: Actor,
    num_actions: usize,
    antithetic: bool,
}

#[derive(Default)]
struct Batch {
    z: Vec<f64>,
    actions: Vec<f64>,
    advantages: Vec<f64>,
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

impl Problem {
    fn new(num_actions: usize, antithetic: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut actor = Actor::new(&mut rng, vec![1, 6, 1], Activation::Tanh, 0.7);
        if let Some(log_std) = actor.params_mut().last_mut() {
            *log_std = -0.3;
        }
        Self { actor, num_actions, antithetic }
    }

    fn trajectory(&self, rng: &mut ChaCha8Rng, batch: &mut Batch) {
        let mut x = 1.5 * normal(rng);
        for _ in 0..LEN {
            let mean = self.actor.pass(&[x]).means[0];
            let deviation = self.actor.log_std()[0].exp();
            let mut noise: Vec<f64> = (0..self.num_actions).map(|_| normal(rng)).collect();
            if self.antithetic {
                noise[1..].chunks_exact_mut(2).for_each(|pair| pair[1] = -pair[0]);
            }
            batch.z.push(x);
            for noise in &noise {
                let action = mean + deviation * noise;
                batch.actions.push(action);
                batch.advantages.push(x * noise + 0.4 * noise * noise - 0.2);
            }
            // The action taken moves the point and so affects the gradients of later states.
            x = 0.8 * x + 0.5 * deviation * noise[0] + 0.3 * normal(rng);
        }
    }

    fn batch(&self, rng: &mut ChaCha8Rng, trajectories: usize) -> Batch {
        let mut batch = Batch::default();
        (0..trajectories).for_each(|_| self.trajectory(rng, &mut batch));
        batch
    }

    /// The gradient of a batch, the mean over all its samples, `[P]`.
    fn gradient(&self, batch: &Batch) -> Vec<f64> {
        let owners: Vec<usize> =
            (0..batch.advantages.len()).map(|sample| sample / self.num_actions).collect();
        let pass = self.actor.pass(&batch.z);
        let scores = self.actor.scores(&pass, &owners, &batch.actions);
        let p = self.actor.params().len();
        let (mut sum, mut score) = (vec![0.0; p], vec![0.0; p]);
        for (sample, advantage) in batch.advantages.iter().enumerate() {
            scores.write(sample, &mut score);
            sum.iter_mut().zip(&score).for_each(|(sum, score)| *sum += advantage * score);
        }
        sum.iter().map(|sum| sum / batch.advantages.len() as f64).collect()
    }

    /// Empirical variance of the gradient of a trajectory, as a mean over parameters, with its standard error.
    fn counted(&self) -> (f64, f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let all: Vec<Vec<f64>> =
            (0..6000).map(|_| self.gradient(&self.batch(&mut rng, 1))).collect();
        let (n, p) = (all.len() as f64, all[0].len());
        let mean: Vec<f64> = (0..p).map(|i| all.iter().map(|g| g[i]).sum::<f64>() / n).collect();
        let distance = |g: &Vec<f64>| -> f64 {
            g.iter().zip(&mean).map(|(g, m)| (g - m).powi(2)).sum::<f64>() / p as f64
        };
        let distances: Vec<f64> = all.iter().map(distance).collect();
        let variance = distances.iter().sum::<f64>() / n;
        let squares: f64 = distances.iter().map(|d| (d - variance).powi(2)).sum();
        (variance, (squares / n / n).sqrt())
    }

    fn measured(&self, rng: &mut ChaCha8Rng, projections: usize) -> super::Jackknife {
        let batch = self.batch(rng, BATCH);
        let pieces = Pieces::of(BATCH, LEN).unwrap();
        assert_eq!((pieces.per_trajectory, pieces.len), (1, LEN));
        let projection = Projection::new(rng, &self.actor, projections);
        let samples = BatchSamples {
            z: &batch.z,
            actions: &batch.actions,
            advantages: &batch.advantages,
            num_actions: self.num_actions,
            independent: !self.antithetic,
        };
        measure_batch(&self.actor, samples, pieces, &projection)
    }
}

#[test]
fn batches_predict_the_counted_variance_of_gradients() {
    for (num_actions, antithetic) in [(2, false), (5, false), (5, true)] {
        let problem = Problem::new(num_actions, antithetic);
        let (counted, counting) = problem.counted();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let found: Vec<Components> =
            (0..150).map(|_| problem.measured(&mut rng, 24).whole).collect();
        let n = found.len() as f64;
        let off = |prediction: &dyn Fn(&Components) -> f64| {
            let values: Vec<f64> = found.iter().map(prediction).collect();
            let mean = values.iter().sum::<f64>() / n;
            let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
            (mean - counted) / (squares / n / (n - 1.0)).sqrt().hypot(counting)
        };
        let right = off(&|c| c.variance(num_actions, LEN));
        assert!(right.abs() < 4.0, "{num_actions} {antithetic}: {right} standard errors");
        // Negative controls: the variance of another number of actions, and the variance without covariances, differ.
        let more = off(&|c| c.variance(4 * num_actions, LEN));
        assert!(more < -4.5, "{num_actions} {antithetic}: {more}");
        let none = off(&|c| c.up_to(0).variance(num_actions, LEN));
        assert!(none < -4.5, "{num_actions} {antithetic}: {none}");
    }
}

#[test]
fn intervals_of_advice_cover_the_truth() {
    let problem = Problem::new(5, false);
    let margin = |c: &Components| Prices { state: 4.0, action: 1.0 }.trade(c, LEN, 4, 5).margin();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let found: Vec<_> = (0..300).map(|_| problem.measured(&mut rng, 64)).collect();
    let whole: Vec<Components> = found.iter().map(|found| found.whole.clone()).collect();
    let truth = margin(&Components::mean(&whole));
    let (mut covered, mut by_half) = (0, 0);
    for found in &found {
        let found = found.of(margin);
        let off = (found.value - truth).abs();
        covered += u32::from(off < found.error);
        by_half += u32::from(off < 0.5 * found.error);
    }
    // The nominal coverage is 95 % of 300; it is lower here, because variances of few trajectories are skewed.
    assert!(covered >= 265, "{covered}");
    assert!(by_half < 255, "intervals of half the width cover the truth too often: {by_half}");
}

#[test]
fn short_and_few_trajectories_are_cut_into_pieces() {
    let of = |trajectories, len| Pieces::of(trajectories, len).map(|p| (p.per_trajectory, p.len));
    assert_eq!(of(8, 256), Some((2, 128)));
    assert_eq!(of(1, 2048), Some((16, 128)));
    assert_eq!(of(64, 32), Some((1, 32)));
    assert_eq!([of(64, 1), of(1, 31), of(0, 8)], [None; 3]);
}
