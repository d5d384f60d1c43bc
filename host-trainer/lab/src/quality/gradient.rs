//! The policy gradient of the samples of an estimator, in double precision.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs` | `[B][D]` | normalised observations |
//! | `actions`, `advantages` | `[B][K][A]`, `[B][K]` | the action taken first |
//! | gradient | `[P]` | mean over states and actions of `A grad ln pi` (Eq. 3) |

use daa_trainer::decomposition::Actor;

/// The mean over all samples, where the action taken has the weight `real_weight` and extra actions the weight 1.
///
/// Each state passes the network once: the derivatives of its actions are added before the backward pass.
#[must_use]
pub fn gradient(
    actor: &Actor,
    obs: &[f64],
    actions: &[f64],
    advantages: &[f64],
    real_weight: f64,
) -> Vec<f64> {
    let width = actor.actions();
    let pass = actor.pass(obs);
    let states = pass.means.len() / width;
    let k = advantages.len() / states.max(1);
    let whole = advantages.len() as f64 / k as f64 * (real_weight + k as f64 - 1.0);
    let precision: Vec<f64> = actor.log_std().iter().map(|l| (-l).exp()).collect();
    let mut delta = vec![0.0; states * width];
    let mut spread = vec![0.0; width];
    for (sample, (action, advantage)) in actions.chunks_exact(width).zip(advantages).enumerate() {
        let weight = if sample % k == 0 { real_weight } else { 1.0 } * advantage / whole;
        let state = sample / k;
        for a in 0..width {
            let mean = pass.means[state * width + a];
            let deviations = (action[a] - mean) * precision[a];
            delta[state * width + a] += weight * deviations * precision[a] * (1.0 - mean * mean);
            spread[a] += weight * (deviations * deviations - 1.0);
        }
    }
    let owners: Vec<usize> = (0..states).collect();
    let mut sum = actor.weighted_sum(&pass, &owners, delta);
    let last = sum.len() - width;
    sum[last..].copy_from_slice(&spread);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::Activation;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn it_is_the_weighted_mean_of_every_samples_gradient() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let actor = Actor::new(&mut rng, vec![3, 6, 5, 2], Activation::Tanh, 0.7);
        let mut normal = |len: usize| -> Vec<f64> {
            (0..len).map(|_| StandardNormal.sample(&mut rng)).collect()
        };
        let (obs, actions, advantages) = (normal(4 * 3), normal(4 * 3 * 2), normal(4 * 3));
        let owners: Vec<usize> = (0..12).map(|sample| sample / 3).collect();
        let pass = actor.pass(&obs);
        let scores = actor.scores(&pass, &owners, &actions);
        for real_weight in [1.0, 4.0] {
            let found = gradient(&actor, &obs, &actions, &advantages, real_weight);
            let mut expected = vec![0.0; found.len()];
            let mut score = expected.clone();
            for (sample, advantage) in advantages.iter().enumerate() {
                scores.write(sample, &mut score);
                let weight = if sample % 3 == 0 { real_weight } else { 1.0 } / (real_weight + 2.0);
                let scale = weight * advantage / 4.0;
                expected.iter_mut().zip(&score).for_each(|(sum, x)| *sum += scale * x);
            }
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{off}");
            assert!(expected.iter().all(|x| x.abs() > 1e-9), "a parameter that shows nothing");
        }
    }
}
