//! Trust region policy optimisation (Schulman et al. 2015): a natural-gradient step of a given KL
//! divergence, by conjugate gradient on Fisher-vector products, and a line search.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `g` | `[S, P]` | gradient of the surrogate `mean ratio A` at ratio 1 |
//! | `F` | `[S, P, P]` | Fisher matrix of the Gaussian policy over the batch's states; only its products exist |
//! | step | `[S, P]` | `x sqrt(2 delta / x'F x)` with `F x = g` |

use super::a2c;
use super::interface::{ActorLesson, ActorReport, Definition};
use super::loss::{loss, standardise, weights};
use crate::gaussian::log_probs;
use crate::nn::{Cache, Network, Tangent, to_vec};
use tch::{Kind, Tensor};

/// The update `trpo`.
pub(super) static DEFINITION: Definition = Definition {
    name: "trpo",
    report_name: "TRPO",
    help: "one natural-gradient step of a given KL divergence",
    without_effect: &[
        ("ppo.clip", "neither clips ratios nor shifts means"),
        ("ppo.rpo_alpha", "neither clips ratios nor shifts means"),
    ],
    improve,
};

/// Largest number of halvings in the line search.
const BACKTRACKS: i32 = 10;

/// A policy at a point, for products with its Fisher matrix.
struct Fisher<'a> {
    actor: &'a mut Network,
    cache: Cache,
    /// `[S, B, A]`
    mean: Tensor,
    damping: f64,
}

impl Fisher<'_> {
    /// `(F + damping) v` for every seed, `[S, P]`.
    ///
    /// `F = mean over states of J' diag(1 / sigma^2) J` for the means, and 2 for each logarithm of a standard deviation.
    fn product(&mut self, v: &Tensor) -> Tensor {
        let log_std = self.actor.extra();
        let (seeds, width) = (log_std.size()[0], log_std.size()[1]);
        let states = self.mean.size()[1] as f64;
        let dy = self.actor.tangent(&self.cache, &Tangent(v.shallow_clone()));
        let dmean = Tensor::tanh_backward(&dy, &self.mean);
        let precision = (log_std * -2.0).exp().view([seeds, 1, width]);
        let back = Tensor::tanh_backward(&(dmean * precision / states), &self.mean);
        let extra = v.narrow(1, v.size()[1] - width, width) * 2.0;
        self.actor.backward(&self.cache, &back, Some(&extra));
        self.actor.grads() + v * self.damping
    }

    /// `x` with `(F + damping) x = g`, approximately.
    fn solve(&mut self, g: &Tensor, steps: usize) -> Tensor {
        let dot = |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist(&[1i64][..], true, g.kind());
        let mut x = g.zeros_like();
        let (mut residual, mut direction) = (g.copy(), g.copy());
        let mut square = dot(&residual, &residual);
        for _ in 0..steps {
            let product = self.product(&direction);
            // A seed whose residual is 0 stays where it is.
            let alpha = &square / (dot(&direction, &product) + 1e-20);
            x += &direction * &alpha;
            residual -= product * alpha;
            let next = dot(&residual, &residual);
            direction = &residual + direction * (&next / (&square + 1e-20));
            square = next;
        }
        x
    }
}

/// One step of an actor. Loss and KL divergence of each seed.
fn improve(actor: &mut Network, lesson: &ActorLesson<'_>) -> Vec<ActorReport> {
    let config = lesson.config;
    let [obs, actions, old_log_probs, advantages] = &lesson.scored.tensors();
    let advantages = if config.normalise.advantages {
        standardise(advantages)
    } else {
        advantages.shallow_clone()
    };
    let (y, cache) = actor.forward(obs);
    let mean = y.tanh();
    let log_std = actor.extra().copy();
    // At ratio 1 the surrogate's gradient is that of A2C's loss.
    let slope = loss(&mean, &log_std, actions, old_log_probs, &advantages, a2c::gain, config);
    actor.backward(&cache, &Tensor::tanh_backward(&slope.dmean, &mean), Some(&slope.dlog_std));
    let g = -actor.grads();
    let start = actor.params().copy();
    let options = &config.trpo;
    let damping = options.damping;
    let mut fisher = Fisher { actor, cache, mean: mean.shallow_clone(), damping };
    let x = fisher.solve(&g, options.cg_steps);
    let curvature = (&x * fisher.product(&x)).sum_dim_intlist(&[1i64][..], true, Kind::Float);
    let step = &x * (2.0 * options.max_kl / curvature.clamp_min(1e-12)).sqrt();

    let weights = weights(actions.size()[2], config.estimator.real_weight, obs.device());
    let surrogate = |mean: &Tensor, log_std: &Tensor| {
        let ratio = (log_probs(actions, mean, log_std) - old_log_probs).exp();
        to_vec(&(ratio * &advantages * &weights).mean_dim(&[1i64, 2][..], false, Kind::Float))
    };
    let before = surrogate(&mean, &log_std);
    let seeds = before.len();
    // Each seed goes as far as it may: halved until its surrogate grows inside the trust region.
    let mut share = vec![1.0f32; seeds];
    let mut reports = vec![ActorReport::default(); seeds];
    for attempt in 0..=BACKTRACKS {
        let factor = Tensor::from_slice(&share).view([seeds as i64, 1]).to_device(obs.device());
        actor.set_params(&(&start + &step * factor));
        let new_mean = actor.predict(obs).tanh();
        let new_log_std = actor.extra();
        let after = surrogate(&new_mean, &new_log_std);
        let kl = to_vec(&divergence((&mean, &log_std), (&new_mean, &new_log_std)));
        let mut settled = true;
        for s in 0..seeds {
            let good = after[s] > before[s] && f64::from(kl[s]) <= options.max_kl;
            if good || share[s] == 0.0 {
                reports[s] = ActorReport {
                    policy_loss: -f64::from(after[s]),
                    kl: f64::from(kl[s]),
                    clip_fraction: 0.0,
                };
            } else {
                settled = false;
                share[s] = if attempt + 1 >= BACKTRACKS { 0.0 } else { share[s] * 0.5 };
            }
        }
        if settled {
            break;
        }
    }
    reports
}

/// `KL(old | new)` of diagonal Gaussians, mean over states, `[S]`.
fn divergence((mean, log_std): (&Tensor, &Tensor), new: (&Tensor, &Tensor)) -> Tensor {
    let (old_log_std, new_log_std) = (log_std.unsqueeze(1), new.1.unsqueeze(1));
    let spread = (&old_log_std * 2.0).exp() + (mean - new.0).square();
    let each = &new_log_std - old_log_std + spread * (new_log_std * -2.0).exp() * 0.5 - 0.5;
    each.sum_dim_intlist(&[2i64][..], false, mean.kind()).mean_dim(&[1i64][..], false, mean.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ScoredBatch;
    use crate::nn::AdamOptions;
    use crate::update::loss::tests::config;
    use daa_core::{Activation, MlpShape};
    use daa_envs::streams::{Purpose, stream};
    use tch::Device;

    fn actor(seeds: u64) -> Network {
        let mut rngs: Vec<_> =
            (0..seeds).map(|seed| stream(seed, Purpose::Initialisation, 0)).collect();
        let (shape, options) = (MlpShape::new(2, 3, 2), AdamOptions { epsilon: 1e-5 });
        Network::new(&mut rngs, shape, Activation::Tanh, 0.5, (2, -0.4), options, Device::Cpu)
    }

    /// The Fisher matrix as the Hessian of the KL divergence, by differences in double precision: it
    /// uses the forward pass only.
    fn dense(actor: &mut Network, obs: &Tensor) -> Vec<Vec<f64>> {
        let size = actor.params().size()[1] as usize;
        let start = actor.params().to_kind(Kind::Double);
        actor.widen();
        let at = |actor: &mut Network, steps: &[(usize, f64)]| {
            let moved = start.copy();
            for (index, step) in steps {
                let mut slot = moved.narrow(1, *index as i64, 1);
                let _ = slot.g_add_scalar_(*step);
            }
            actor.set_params(&moved);
            (actor.predict(obs).tanh(), actor.extra().copy())
        };
        let old = at(actor, &[]);
        let h = 1e-4;
        let mut kl = |steps: &[(usize, f64)]| {
            let new = at(actor, steps);
            divergence((&old.0, &old.1), (&new.0, &new.1)).double_value(&[0])
        };
        (0..size)
            .map(|i| {
                (0..size)
                    .map(|j| {
                        let both = kl(&[(i, h), (j, h)]) + kl(&[(i, -h), (j, -h)]);
                        let apart = kl(&[(i, h), (j, -h)]) + kl(&[(i, -h), (j, h)]);
                        (both - apart) / (4.0 * h * h)
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn fisher_products_are_those_of_the_dense_matrix() {
        tch::manual_seed(21);
        let obs = Tensor::randn([1, 9, 2], (Kind::Double, Device::Cpu));
        let matrix = dense(&mut actor(1), &obs);
        let mut actor = actor(1);
        let obs = obs.to_kind(Kind::Float);
        let (y, cache) = actor.forward(&obs);
        let size = matrix.len();
        let damping = 0.05;
        let mut fisher = Fisher { actor: &mut actor, cache, mean: y.tanh(), damping };
        let largest = matrix.iter().flatten().fold(0.0f64, |a, b| a.max(b.abs()));
        for column in 0..size {
            let mut basis = vec![0f32; size];
            basis[column] = 1.0;
            let product = to_vec(&fisher.product(&Tensor::from_slice(&basis).view([1, -1])));
            for (row, value) in product.iter().enumerate() {
                let expected = matrix[row][column] + if row == column { damping } else { 0.0 };
                let off = (f64::from(*value) - expected).abs();
                assert!(off < 1e-4 * largest, "F[{row}][{column}]: {value} for {expected}");
            }
        }
        // And its inverse: F x = g.
        let g = Tensor::randn([1, size as i64], (Kind::Float, Device::Cpu));
        let x = fisher.solve(&g, 2 * size);
        let residual = (fisher.product(&x) - &g).abs().max().double_value(&[]);
        assert!(residual < 1e-2, "{residual}");
    }

    #[test]
    fn a_step_improves_every_seed_inside_its_trust_region() {
        tch::manual_seed(22);
        let cpu = (Kind::Float, Device::Cpu);
        let mut actor = actor(3);
        let obs = Tensor::randn([3, 64, 2], cpu);
        let mean = actor.predict(&obs).tanh();
        let actions = mean.unsqueeze(2) + Tensor::randn([3, 64, 4, 2], cpu) * 0.6;
        let old = log_probs(&actions, &mean, &actor.extra());
        // Actions are better the larger their first number is; to the last seed nothing matters.
        let better = actions.select(3, 0) - mean.select(2, 0).unsqueeze(2);
        let advantages = better * Tensor::from_slice(&[1f32, 5.0, 0.0]).view([3, 1, 1]);
        let start = actor.params().copy();
        let mut config = config();
        config.update.entropy_coefficient = 0.0;
        config.estimator.real_weight = 1.0;
        let scored = ScoredBatch {
            obs: obs.shallow_clone(),
            actions,
            log_probs: old,
            advantages: advantages.shallow_clone(),
        };
        let lesson = ActorLesson {
            scored,
            seeds: &[0, 1, 2],
            config: &config,
            iteration: 0,
            minibatch_size: 64,
            learning_rate: 1e-3,
        };
        let reports = improve(&mut actor, &lesson);
        let after = actor.predict(&obs).tanh();
        for (s, report) in reports.iter().enumerate().take(2) {
            let ActorReport { policy_loss: loss, kl, .. } = *report;
            assert!(kl > 1e-3 && kl <= 0.01, "{kl}");
            let mean_advantage = advantages.get(s as i64).mean(Kind::Float).double_value(&[]);
            assert!(-loss > mean_advantage, "{loss}");
            let moved = (&after - &mean).get(s as i64).select(1, 0).mean(Kind::Float);
            assert!(moved.double_value(&[]) > 0.01);
        }
        let still = (actor.params() - start).get(2).abs().max().double_value(&[]);
        assert_eq!(still, 0.0, "without a gradient nothing moves");
    }
}
