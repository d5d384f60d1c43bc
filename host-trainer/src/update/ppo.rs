//! Proximal policy optimisation over K actions a state.
//!
//! Each state goes through each network once, however many actions it has. Actor and critic share
//! nothing, so each learns on a thread of its own.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `ratio` | `[S, B, K]` | probability now over probability then |
//! | loss | scalar per seed | `-mean min(ratio A, clamp(ratio, 1 - c, 1 + c) A) - beta H + ...` (Schulman et al. 2017, Eq. 7) |
//! | `dmean` | `[S, B, A]` | the loss's derivative by the Gaussian's mean |

use crate::estimator::{RealRollout, Samples, log_probs};
use crate::nn::{Network, use_one_thread};
use crate::random::{Purpose, permute, stream};
use tch::{Kind, Tensor};

/// Settings of an update.
#[derive(Clone, Copy, Debug)]
pub struct PpoOptions {
    /// Passes over the batch.
    pub epochs: usize,
    /// States of a minibatch.
    pub minibatch: usize,
    /// Clip of the ratio.
    pub clip: f64,
    /// Clip of the change of a value, if any.
    pub value_clip: Option<f64>,
    /// Weight of the value loss.
    pub value_coefficient: f64,
    /// Weight of the entropy bonus.
    pub entropy_coefficient: f64,
    /// Largest norm of a network's gradient, if limited.
    pub max_norm: Option<f64>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Weight of the real action beside an extra one's 1.
    pub real_weight: f64,
    /// Bring a minibatch's advantages to mean 0 and deviation 1.
    pub normalise_advantages: bool,
}

/// Means over all minibatches of an update, and over seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpdateReport {
    /// Clipped surrogate loss.
    pub policy_loss: f64,
    /// Half the squared error of the values.
    pub value_loss: f64,
    /// `mean(ratio - 1 - ln ratio)`: an unbiased, never negative estimate of the KL divergence.
    pub kl: f64,
    /// Share of actions whose ratio was outside the clip.
    pub clip_fraction: f64,
}

/// Rows of every seed in a random order of its own, epoch after epoch.
struct Shuffle {
    /// `[epochs][S * T]`, indices into the flattened `[S * T]`.
    orders: Vec<Tensor>,
}

impl Shuffle {
    fn new(
        seeds: &[u64],
        states: usize,
        epochs: usize,
        iteration: u64,
        device: tch::Device,
    ) -> Self {
        let mut rngs: Vec<_> =
            seeds.iter().map(|seed| stream(*seed, Purpose::Minibatches, iteration)).collect();
        let mut order = vec![0i64; seeds.len() * states];
        let orders = (0..epochs).map(|_| {
            for (s, (rng, order)) in rngs.iter_mut().zip(order.chunks_exact_mut(states)).enumerate()
            {
                permute(rng, order);
                order.iter_mut().for_each(|row| *row += (s * states) as i64);
            }
            Tensor::from_slice(&order).to_device(device)
        });
        Self { orders: orders.collect() }
    }
}

/// Rows of `[S, T, ...]` in the order of one epoch.
fn reorder(tensor: &Tensor, order: &Tensor) -> Tensor {
    let size = tensor.size();
    tensor.contiguous().flatten(0, 1).index_select(0, order).view(&size[..])
}

/// Improves actor and critic on a rollout's samples.
pub fn update(
    actor: &mut Network,
    critic: &mut Network,
    real: &RealRollout,
    samples: &Samples,
    seeds: &[u64],
    iteration: u64,
    options: PpoOptions,
) -> UpdateReport {
    let states = real.z.size()[1] as usize;
    let shuffle = Shuffle::new(seeds, states, options.epochs, iteration, real.z.device());
    let actor_data = [&real.z, &samples.actions, &samples.log_probs, &samples.advantages];
    let actor_data = actor_data.map(Tensor::shallow_clone);
    let targets = &real.advantages + &real.values;
    let critic_data = [&real.z, &targets, &real.values].map(Tensor::shallow_clone);
    let actor_orders: Vec<_> = shuffle.orders.iter().map(Tensor::shallow_clone).collect();
    let critic_orders = shuffle.orders;
    let ((policy_loss, kl, clip_fraction), value_loss) = std::thread::scope(|scope| {
        let values = scope.spawn(move || {
            use_one_thread();
            improve_critic(critic, &critic_data, &critic_orders, options)
        });
        let policy = improve_actor(actor, &actor_data, &actor_orders, options);
        let values = values.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (policy, values)
    });
    UpdateReport { policy_loss, value_loss, kl, clip_fraction }
}

/// Calls `learn` with every minibatch of every epoch and gives the mean of what it returns.
fn epochs<const N: usize>(
    data: &[Tensor; N],
    orders: &[Tensor],
    minibatch: usize,
    mut learn: impl FnMut([Tensor; N]) -> Tensor,
) -> Vec<f64> {
    let states = data[0].size()[1];
    let minibatch = minibatch as i64;
    // Reports stay on the device until the end: reading each would wait for the GPU.
    let mut reports = Vec::new();
    for order in orders {
        let data = data.each_ref().map(|tensor| reorder(tensor, order));
        for first in (0..states).step_by(minibatch as usize) {
            reports.push(learn(data.each_ref().map(|tensor| tensor.narrow(1, first, minibatch))));
        }
    }
    let mean = Tensor::stack(&reports, 0).mean_dim(&[0i64][..], false, Kind::Float);
    crate::nn::to_vec(&mean).into_iter().map(f64::from).collect()
}

fn improve_actor(
    actor: &mut Network,
    data: &[Tensor; 4],
    orders: &[Tensor],
    options: PpoOptions,
) -> (f64, f64, f64) {
    let _no_grad = tch::no_grad_guard();
    let means =
        epochs(data, orders, options.minibatch, |[z, actions, old_log_probs, advantages]| {
            let advantages =
                if options.normalise_advantages { standardise(&advantages) } else { advantages };
            let (y, cache) = actor.forward(&z);
            let loss =
                policy_loss(&y, &actor.extra(), &actions, &old_log_probs, &advantages, options);
            actor.backward(&cache, &loss.dy, Some(&loss.dlog_std));
            actor.step(options.learning_rate, options.max_norm);
            loss.report
        });
    (means[0], means[1], means[2])
}

/// Mean 0 and deviation 1 over the states and actions of each seed.
fn standardise(advantages: &Tensor) -> Tensor {
    let all = &[1i64, 2][..];
    let centred = advantages - advantages.mean_dim(all, true, Kind::Float);
    let deviation = centred.square().mean_dim(all, true, Kind::Float).sqrt() + 1e-8;
    centred / deviation
}

/// The policy's loss on a minibatch, and its derivatives.
struct PolicyLoss {
    /// By the network's outputs, `[S, B, A]`.
    dy: Tensor,
    /// By the log deviations, `[S, A]`.
    dlog_std: Tensor,
    /// `[3]`: loss, KL, clip fraction.
    report: Tensor,
}

/// `[1, 1, K]` weights of a state's actions, the real one first, with mean 1.
fn weights(actions: i64, real_weight: f64, device: tch::Device) -> Tensor {
    let scale = actions as f64 / (real_weight + (actions - 1) as f64);
    let mut weights = vec![scale as f32; actions as usize];
    weights[0] = (real_weight * scale) as f32;
    Tensor::from_slice(&weights).view([1, 1, actions]).to_device(device)
}

fn policy_loss(
    y: &Tensor,
    log_std: &Tensor,
    actions: &Tensor,
    old_log_probs: &Tensor,
    advantages: &Tensor,
    options: PpoOptions,
) -> PolicyLoss {
    let mean = y.tanh();
    let log_ratio = log_probs(actions, &mean, log_std) - old_log_probs;
    let ratio = log_ratio.exp();
    let gain = &ratio * advantages;
    let clipped = ratio.clamp(1.0 - options.clip, 1.0 + options.clip) * advantages;
    let per_seed = (gain.numel() / log_std.size()[0] as usize) as f64;
    let weights = weights(gain.size()[2], options.real_weight, gain.device());
    // Where the minimum is the clipped gain, and only there, the loss is flat.
    let flows = gain.le_tensor(&clipped).to_kind(Kind::Float) * &weights;
    let dlog_prob = (&gain * flows * (-1.0 / per_seed)).unsqueeze(3);
    let (seeds, width) = (log_std.size()[0], log_std.size()[1]);
    let precision = (log_std * -2.0).exp().view([seeds, 1, 1, width]);
    let difference = actions - mean.unsqueeze(2);
    let pull = &difference * precision;
    let dmean = (&dlog_prob * &pull).sum_dim_intlist(&[2i64][..], false, Kind::Float);
    let dlog_std =
        (dlog_prob * (pull * difference - 1.0)).sum_dim_intlist(&[1i64, 2][..], false, Kind::Float)
            - options.entropy_coefficient;
    let loss = -(gain.minimum(&clipped) * weights).mean(Kind::Float);
    let kl = (&ratio - 1.0 - log_ratio).mean(Kind::Float);
    let outside = (ratio - 1.0).abs().gt(options.clip).to_kind(Kind::Float).mean(Kind::Float);
    PolicyLoss {
        dy: Tensor::tanh_backward(&dmean, &mean),
        dlog_std,
        report: Tensor::stack(&[loss, kl, outside], 0),
    }
}

fn improve_critic(
    critic: &mut Network,
    data: &[Tensor; 3],
    orders: &[Tensor],
    options: PpoOptions,
) -> f64 {
    let _no_grad = tch::no_grad_guard();
    let means = epochs(data, orders, options.minibatch, |[z, targets, old_values]| {
        let (y, cache) = critic.forward(&z);
        let (dy, loss) = value_loss(&y.squeeze_dim(2), &targets, &old_values, options.value_clip);
        let per_seed = (dy.numel() / critic.seeds()) as f64;
        let dy = (dy * (options.value_coefficient / per_seed)).unsqueeze(2);
        critic.backward(&cache, &dy, None);
        critic.step(options.learning_rate, options.max_norm);
        loss.mean(Kind::Float).view([1])
    });
    means[0]
}

/// Derivative and value of `(v - R)^2 / 2`, or of the larger of that and the same with `v` clipped
/// to the neighbourhood of its old value.
fn value_loss(
    values: &Tensor,
    targets: &Tensor,
    old_values: &Tensor,
    clip: Option<f64>,
) -> (Tensor, Tensor) {
    let error = values - targets;
    let loss = error.square() * 0.5;
    let Some(clip) = clip else { return (error, loss) };
    let change = values - old_values;
    let clipped_error = old_values + change.clamp(-clip, clip) - targets;
    let clipped_loss = clipped_error.square() * 0.5;
    let inside = change.abs().le(clip);
    let plain = loss.ge_tensor(&clipped_loss);
    let derivative = &error * plain.to_kind(Kind::Float)
        + &clipped_error * (plain.logical_not().logical_and(&inside)).to_kind(Kind::Float);
    (derivative, loss.maximum(&clipped_loss))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    const OPTIONS: PpoOptions = PpoOptions {
        epochs: 1,
        minibatch: 6,
        clip: 0.2,
        value_clip: None,
        value_coefficient: 0.5,
        entropy_coefficient: 0.03,
        max_norm: None,
        learning_rate: 1e-3,
        real_weight: 2.0,
        normalise_advantages: false,
    };

    fn close(ours: &Tensor, theirs: &Tensor) {
        let scale = theirs.abs().max().double_value(&[]).max(1.0);
        let difference = (ours - theirs).abs().max().double_value(&[]);
        assert!(difference < 1e-6 * scale, "{difference}");
    }

    #[test]
    fn the_policy_gradient_equals_autograds() {
        tch::manual_seed(6);
        let cpu = (Kind::Float, Device::Cpu);
        let y = Tensor::randn([2, 6, 3], cpu).set_requires_grad(true);
        let log_std = (Tensor::randn([2, 3], cpu) * 0.3).set_requires_grad(true);
        let actions = Tensor::randn([2, 6, 5, 3], cpu);
        let advantages = Tensor::randn([2, 6, 5], cpu);
        let now = log_probs(&actions, &y.tanh(), &log_std).detach();
        let old = now + Tensor::randn([2, 6, 5], cpu) * 0.4;

        let ours =
            policy_loss(&y.detach(), &log_std.detach(), &actions, &old, &advantages, OPTIONS);
        let ratio = (log_probs(&actions, &y.tanh(), &log_std) - &old).exp();
        let surrogate = (&ratio * &advantages).minimum(&(ratio.clamp(0.8, 1.2) * &advantages));
        // Five actions, the first counts twice: 2/6 and 1/6 each, where a plain mean has 1/5.
        let surrogate = surrogate
            * Tensor::from_slice(&[10f32 / 6.0, 5.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0]);
        // A mean for each seed: seeds are separate runs.
        let loss = surrogate.mean_dim(&[1i64, 2][..], false, Kind::Float).sum(Kind::Float) * -1.0
            - log_std.sum(Kind::Float) * 0.03;
        let theirs = Tensor::run_backward(&[loss], &[&y, &log_std], false, false);
        close(&ours.dy, &theirs[0]);
        close(&ours.dlog_std, &theirs[1]);
        // Both sides of the clip were hit.
        let clipped = ours.report.double_value(&[2]);
        assert!(clipped > 0.2 && clipped < 0.9, "{clipped}");
    }

    #[test]
    fn the_value_gradient_equals_autograds_with_and_without_clip() {
        tch::manual_seed(7);
        let cpu = (Kind::Float, Device::Cpu);
        let values = Tensor::randn([1, 50], cpu).set_requires_grad(true);
        let (targets, old) = (Tensor::randn([1, 50], cpu), Tensor::randn([1, 50], cpu));
        for clip in [None, Some(0.5)] {
            let (ours, loss) = value_loss(&values.detach(), &targets, &old, clip);
            let plain = (&values - &targets).square() * 0.5;
            let reference = match clip {
                None => plain,
                Some(c) => {
                    let clipped = &old + (&values - &old).clamp(-c, c);
                    plain.maximum(&((clipped - &targets).square() * 0.5))
                }
            };
            close(&loss, &reference.detach());
            let theirs =
                Tensor::run_backward(&[reference.sum(Kind::Float)], &[&values], false, false);
            close(&ours, &theirs[0]);
        }
    }

    #[test]
    fn one_state_with_k_actions_is_k_states_with_one() {
        // The authors' form: N + 1 copies of each state. Same gradient.
        tch::manual_seed(8);
        let cpu = (Kind::Float, Device::Cpu);
        let (y, log_std) = (Tensor::randn([1, 6, 2], cpu), Tensor::zeros([1, 2], cpu));
        let (actions, advantages) =
            (Tensor::randn([1, 6, 5, 2], cpu), Tensor::randn([1, 6, 5], cpu));
        let old = log_probs(&actions, &y.tanh(), &log_std) + 0.05;
        let options = PpoOptions { real_weight: 1.0, ..OPTIONS };
        let once = policy_loss(&y, &log_std, &actions, &old, &advantages, options);
        let copies = policy_loss(
            &y.repeat_interleave_self_int(5, 1, None::<i64>),
            &log_std,
            &actions.view([1, 30, 1, 2]),
            &old.view([1, 30, 1]),
            &advantages.view([1, 30, 1]),
            options,
        );
        let summed = copies.dy.view([1, 6, 5, 2]).sum_dim_intlist(&[2i64][..], false, Kind::Float);
        close(&once.dy, &summed);
        close(&once.dlog_std, &copies.dlog_std);
    }

    #[test]
    fn every_row_is_in_every_epoch_once_and_in_its_own_seed() {
        let shuffle = Shuffle::new(&[1, 2], 8, 2, 0, Device::Cpu);
        let rows = Tensor::arange(16, (Kind::Float, Device::Cpu)).view([2, 8]);
        for order in &shuffle.orders {
            let mut epoch = crate::nn::to_vec(&reorder(&rows, order));
            assert_ne!(epoch, crate::nn::to_vec(&rows));
            epoch[..8].sort_by(f32::total_cmp);
            epoch[8..].sort_by(f32::total_cmp);
            assert_eq!(epoch, crate::nn::to_vec(&rows));
        }
    }
}
