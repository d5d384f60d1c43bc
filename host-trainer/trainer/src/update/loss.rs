//! The actor's loss over K actions a state and its derivatives, and epochs of gradient steps on it.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `ratio` | `[S, B, K]` | probability now over probability then |
//! | `gain` | `[S, B, K]` | what an update maximises of each action, such as `A ln pi` |
//! | loss | `[S]` | `-mean gain - beta H` |
//! | `dmean` | `[S, B, A]` | the loss's derivative by the Gaussian's mean |

use super::interface::{ActorLesson, ActorReport};
use crate::data::Shuffle;
use crate::gaussian::log_probs;
use crate::nn::Network;
use crate::settings::Config;
use daa_envs::streams::{Purpose, fill_uniform, stream};
use rand::Rng;
use tch::{Kind, Tensor};

/// The actions of a minibatch, under the policy of today and the one that acted.
#[derive(Debug)]
pub struct Candidates<'a> {
    /// Log-probabilities today, `[S, B, K]`.
    pub log_probs: &'a Tensor,
    /// Probability today over probability then, `[S, B, K]`.
    pub ratio: &'a Tensor,
    /// Advantages, `[S, B, K]`.
    pub advantages: &'a Tensor,
    /// Weights of a state's actions, `[1, 1, K]`, the action taken first, with mean 1.
    pub weights: &'a Tensor,
    /// The resolved configuration.
    pub config: &'a Config,
}

/// What an update maximises, and its derivative.
#[derive(Debug)]
pub struct Gain {
    /// Weighted gain of each action, `[S, B, K]`.
    pub value: Tensor,
    /// Derivative of the weighted gain by the action's log-probability, `[S, B, K]`.
    pub by_log_prob: Tensor,
}

/// Improves an actor by gradient steps on minibatches of a lesson, `epochs` times through the lesson.
/// `gain` is what the steps maximise.
pub fn learn_in_epochs(
    actor: &mut Network,
    lesson: &ActorLesson<'_>,
    epochs: usize,
    gain: fn(&Candidates<'_>) -> Gain,
) -> Vec<ActorReport> {
    let ActorLesson { scored, seeds, config, iteration, minibatch_size, learning_rate } = lesson;
    let states = scored.obs.size()[1] as usize;
    let shuffle = Shuffle::new(seeds, states, epochs, *iteration, 0);
    let rng = |seed: &u64| stream(*seed, Purpose::Perturbation, *iteration);
    let mut rngs: Vec<_> = seeds.iter().map(rng).collect();
    let reports = shuffle.epochs(&scored.tensors(), *minibatch_size, |minibatch| {
        learn(actor, minibatch, &mut rngs, gain, config, *learning_rate)
    });
    let report = |numbers: Vec<f64>| ActorReport {
        policy_loss: numbers[0],
        kl: numbers[1],
        clip_fraction: numbers[2],
    };
    reports.into_iter().map(report).collect()
}

/// One step on a minibatch of `obs [S, B, D]`, `actions [S, B, K, A]`, `log_probs` and `advantages`
/// `[S, B, K]`. Loss, KL divergence and clip fraction, `[S, 3]`.
fn learn<R: Rng>(
    actor: &mut Network,
    [obs, actions, old_log_probs, advantages]: [Tensor; 4],
    rngs: &mut [R],
    gain: fn(&Candidates<'_>) -> Gain,
    config: &Config,
    learning_rate: f64,
) -> Tensor {
    let advantages =
        if config.normalise.advantages { standardise(&advantages) } else { advantages };
    let (y, cache) = actor.forward(&obs);
    let mut mean = y.tanh();
    let shift =
        (config.ppo.rpo_alpha > 0.0).then(|| perturbation(rngs, &mean, config.ppo.rpo_alpha));
    if let Some(shift) = &shift {
        mean += shift;
    }
    let loss = loss(&mean, &actor.extra(), &actions, &old_log_probs, &advantages, gain, config);
    let unshifted = shift.map_or_else(|| mean.shallow_clone(), |shift| &mean - shift);
    let dy = Tensor::tanh_backward(&loss.dmean, &unshifted);
    actor.backward(&cache, &dy, Some(&loss.dlog_std));
    actor.step(learning_rate, config.update.max_norm());
    loss.report
}

/// Randomised policy optimisation (Rahman & Xue 2022): means moved by U(-alpha, alpha) while the
/// policy learns, never while it acts.
fn perturbation<R: Rng>(rngs: &mut [R], mean: &Tensor, alpha: f64) -> Tensor {
    let size = mean.size();
    let per_seed = (size[1] * size[2]) as usize;
    let mut shift = vec![0.0; per_seed * rngs.len()];
    for (rng, shift) in rngs.iter_mut().zip(shift.chunks_exact_mut(per_seed)) {
        fill_uniform(rng, shift, alpha as f32);
    }
    Tensor::from_slice(&shift).view(&size[..]).to_device(mean.device())
}

/// Advantages with mean 0 and standard deviation 1 over the states and actions of each seed.
pub(super) fn standardise(advantages: &Tensor) -> Tensor {
    let all = &[1i64, 2][..];
    let centred = advantages - advantages.mean_dim(all, true, Kind::Float);
    let std = centred.square().mean_dim(all, true, Kind::Float).sqrt() + 1e-8;
    centred / std
}

/// The policy's loss on a minibatch, and its derivatives.
pub(super) struct PolicyLoss {
    /// Derivative by the Gaussians' means, `[S, B, A]`.
    pub dmean: Tensor,
    /// Derivative by the logarithms of the standard deviations, `[S, A]`.
    pub dlog_std: Tensor,
    /// `[S, 3]`: loss, KL, clip fraction.
    pub report: Tensor,
}

/// `[1, 1, K]` weights of a state's actions, the real one first, with mean 1.
pub(super) fn weights(actions: i64, real_weight: f64, device: tch::Device) -> Tensor {
    let scale = actions as f64 / (real_weight + (actions - 1) as f64);
    let mut weights = vec![scale as f32; actions as usize];
    weights[0] = (real_weight * scale) as f32;
    Tensor::from_slice(&weights).view([1, 1, actions]).to_device(device)
}

/// The loss of a policy with `mean [S, B, A]` and `log_std [S, A]` on a minibatch.
pub(super) fn loss(
    mean: &Tensor,
    log_std: &Tensor,
    actions: &Tensor,
    old_log_probs: &Tensor,
    advantages: &Tensor,
    gain: fn(&Candidates<'_>) -> Gain,
    config: &Config,
) -> PolicyLoss {
    let over = &[1i64, 2][..];
    let log_probs = log_probs(actions, mean, log_std);
    let log_ratio = &log_probs - old_log_probs;
    let ratio = log_ratio.exp();
    let per_seed = (ratio.numel() / log_std.size()[0] as usize) as f64;
    let weights = weights(ratio.size()[2], config.estimator.real_weight, ratio.device());
    let gain = gain(&Candidates {
        log_probs: &log_probs,
        ratio: &ratio,
        advantages,
        weights: &weights,
        config,
    });
    let dlog_prob = (gain.by_log_prob * (-1.0 / per_seed)).unsqueeze(3);
    let (seeds, width) = (log_std.size()[0], log_std.size()[1]);
    let precision = (log_std * -2.0).exp().view([seeds, 1, 1, width]);
    let difference = actions - mean.unsqueeze(2);
    let pull = &difference * precision;
    let dmean = (&dlog_prob * &pull).sum_dim_intlist(&[2i64][..], false, Kind::Float);
    let dlog_std =
        (dlog_prob * (pull * difference - 1.0)).sum_dim_intlist(over, false, Kind::Float)
            - config.update.entropy_coefficient;
    let loss = -gain.value.mean_dim(over, false, Kind::Float);
    let kl = (&ratio - 1.0 - log_ratio).mean_dim(over, false, Kind::Float);
    let outside = (ratio - 1.0).abs().gt(config.ppo.clip).to_kind(Kind::Float);
    let outside = outside.mean_dim(over, false, Kind::Float);
    PolicyLoss { dmean, dlog_std, report: Tensor::stack(&[loss, kl, outside], 1) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::nn::AdamOptions;
    use crate::update::{a2c, ppo};
    use daa_core::{Activation, MlpShape};
    use daa_envs::streams::{Purpose, stream};
    use tch::Device;

    pub(crate) fn config() -> Config {
        let mut config = Config::default();
        (config.update.epochs, config.update.minibatch_size) = (1, 6);
        (config.update.entropy_coefficient, config.update.max_grad_norm) = (0.03, 0.0);
        (config.estimator.real_weight, config.normalise.advantages) = (2.0, false);
        config.trpo.damping = 0.0;
        config
    }
    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn close(ours: &Tensor, theirs: &Tensor) {
        let scale = theirs.abs().max().double_value(&[]).max(1.0);
        let difference = (ours - theirs).abs().max().double_value(&[]);
        assert!(difference < 1e-6 * scale, "{difference}");
    }

    /// Means, log deviations, actions, advantages of 2 seeds, 6 states, 5 actions of 3 numbers.
    fn batch() -> (Tensor, Tensor, Tensor, Tensor) {
        let mean = Tensor::randn([2, 6, 3], CPU).tanh().set_requires_grad(true);
        let log_std = (Tensor::randn([2, 3], CPU) * 0.3).set_requires_grad(true);
        (mean, log_std, Tensor::randn([2, 6, 5, 3], CPU), Tensor::randn([2, 6, 5], CPU))
    }

    /// Five actions, the first counts twice: 2/6 and 1/6 each, where a plain mean has 1/5.
    fn weighted_mean(gain: &Tensor) -> Tensor {
        let weights = [10f32 / 6.0, 5.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0];
        // A mean for each seed: seeds are separate runs.
        let weighted = gain * Tensor::from_slice(&weights);
        weighted.mean_dim(&[1i64, 2][..], false, Kind::Float).sum(Kind::Float)
    }

    #[test]
    fn the_clipped_gradient_equals_autograds() {
        tch::manual_seed(6);
        let (mean, log_std, actions, advantages) = batch();
        let now = log_probs(&actions, &mean, &log_std).detach();
        let old = now + Tensor::randn([2, 6, 5], CPU) * 0.4;
        let ours = loss(
            &mean.detach(),
            &log_std.detach(),
            &actions,
            &old,
            &advantages,
            ppo::gain,
            &config(),
        );
        let ratio = (log_probs(&actions, &mean, &log_std) - &old).exp();
        let surrogate = (&ratio * &advantages).minimum(&(ratio.clamp(0.8, 1.2) * &advantages));
        let loss = -weighted_mean(&surrogate) - log_std.sum(Kind::Float) * 0.03;
        let theirs = Tensor::run_backward(&[loss], &[&mean, &log_std], false, false);
        close(&ours.dmean, &theirs[0]);
        close(&ours.dlog_std, &theirs[1]);
        // Both sides of the clip were hit.
        let clipped = ours.report.double_value(&[0, 2]);
        assert!(clipped > 0.2 && clipped < 0.9, "{clipped}");
    }

    #[test]
    fn the_plain_gradient_equals_autograds() {
        tch::manual_seed(16);
        let (mean, log_std, actions, advantages) = batch();
        let config = config();
        let old = Tensor::zeros([2, 6, 5], CPU);
        let ours = loss(
            &mean.detach(),
            &log_std.detach(),
            &actions,
            &old,
            &advantages,
            a2c::gain,
            &config,
        );
        let gain = log_probs(&actions, &mean, &log_std) * &advantages;
        let loss = -weighted_mean(&gain) - log_std.sum(Kind::Float) * 0.03;
        let theirs = Tensor::run_backward(&[loss], &[&mean, &log_std], false, false);
        close(&ours.dmean, &theirs[0]);
        close(&ours.dlog_std, &theirs[1]);
    }

    #[test]
    fn one_state_with_k_actions_is_k_states_with_one() {
        // The authors' form: N + 1 copies of each state. Same gradient.
        tch::manual_seed(8);
        let (mean, log_std) = (Tensor::randn([1, 6, 2], CPU).tanh(), Tensor::zeros([1, 2], CPU));
        let (actions, advantages) =
            (Tensor::randn([1, 6, 5, 2], CPU), Tensor::randn([1, 6, 5], CPU));
        let old = log_probs(&actions, &mean, &log_std) + 0.05;
        let mut config = config();
        config.estimator.real_weight = 1.0;
        let once = loss(&mean, &log_std, &actions, &old, &advantages, ppo::gain, &config);
        let copies = loss(
            &mean.repeat_interleave_self_int(5, 1, None::<i64>),
            &log_std,
            &actions.view([1, 30, 1, 2]),
            &old.view([1, 30, 1]),
            &advantages.view([1, 30, 1]),
            ppo::gain,
            &config,
        );
        let summed =
            copies.dmean.view([1, 6, 5, 2]).sum_dim_intlist(&[2i64][..], false, Kind::Float);
        close(&once.dmean, &summed);
        close(&once.dlog_std, &copies.dlog_std);
    }

    #[test]
    fn perturbed_means_keep_their_gradient_and_change_the_ratio() {
        tch::manual_seed(9);
        let rng = || stream(1, Purpose::Initialisation, 0);
        let network = || {
            let shape = MlpShape::new(3, 4, 2);
            let options = AdamOptions { epsilon: 1e-5 };
            let extra = (2, -0.5);
            Network::new(&mut [rng()], shape, Activation::Tanh, 1.0, extra, options, Device::Cpu)
        };
        let obs = Tensor::randn([1, 6, 3], CPU);
        let mean = network().predict(&obs).tanh();
        let actions = mean.unsqueeze(2) + Tensor::randn([1, 6, 1, 2], CPU) * 0.5;
        let old = log_probs(&actions, &mean, &network().extra());
        let advantages = Tensor::ones([1, 6, 1], CPU);
        let run = |alpha: f64| {
            let mut network = network();
            let mut config = config();
            config.ppo.rpo_alpha = alpha;
            let data = [&obs, &actions, &old, &advantages].map(Tensor::shallow_clone);
            let report = learn(&mut network, data, &mut [rng()], ppo::gain, &config, 1e-3);
            (report.double_value(&[0, 1]), network.grads().copy())
        };
        let ((kl, plain), (kl_moved, moved)) = (run(0.0), run(0.3));
        assert!(kl.abs() < 1e-6 && kl_moved > 1e-3, "{kl} {kl_moved}");
        assert!((plain - moved).abs().max().double_value(&[]) > 1e-3);
        // The shift stays within its bound and differs from number to number.
        let shift = perturbation(&mut [rng()], &mean, 0.3);
        assert!(
            shift.abs().max().double_value(&[]) <= 0.3 && shift.std(true).double_value(&[]) > 0.1
        );
    }
}
