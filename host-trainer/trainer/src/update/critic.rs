//! The critic: regression on the returns of the real actions.

use crate::data::Shuffle;
use crate::nn::Network;
use crate::settings::Config;
use tch::{Kind, Tensor};

/// Regresses values on targets; `data` is `obs [S, T, D]`, `targets [S, T]`, `old values [S, T]`. The
/// loss of each seed.
pub(super) fn improve(
    critic: &mut Network,
    data: &[Tensor; 3],
    shuffle: &Shuffle,
    config: &Config,
    learning_rate: f64,
) -> Vec<f64> {
    let update = &config.update;
    let value_clip = (config.ppo.value_clip > 0.0).then_some(config.ppo.value_clip);
    let losses = shuffle.epochs(data, update.minibatch_size, |[obs, targets, old_values]| {
        let (y, cache) = critic.forward(&obs);
        let (dy, loss) = value_loss(&y.squeeze_dim(2), &targets, &old_values, value_clip);
        let dy = (dy * (update.value_coefficient / obs.size()[1] as f64)).unsqueeze(2);
        critic.backward(&cache, &dy, None);
        critic.step(learning_rate, update.max_norm());
        loss.mean_dim(&[1i64][..], true, Kind::Float)
    });
    losses.concat()
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
            let close = |ours: &Tensor, theirs: &Tensor| {
                let difference = (ours - theirs).abs().max().double_value(&[]);
                assert!(difference < 1e-6, "{difference}");
            };
            close(&loss, &reference.detach());
            let theirs =
                Tensor::run_backward(&[reference.sum(Kind::Float)], &[&values], false, false);
            close(&ours, &theirs[0]);
        }
    }
}
