//! QAA: the extra actions' values from a network, fitted by L2 to TD(lambda) targets of the actions
//! taken.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `input` | `[S, B, D + A]` | normalised observation and clamped action |
//! | `target` | `[S, B, 1]` | `A + V`: the TD(lambda) return of the real trajectory |

use super::Context;
use crate::config::{CriticOptions, UpdateOptions};
use crate::data::{RealRollout, Shuffle};
use crate::nn::{AdamOptions, Network, Shard, data_of_shard, parallel, shards};
use daa_core::MlpShape;
use daa_envs::streams::{Purpose, stream};
use tch::{Device, Kind, Tensor};

/// The network of all seeds.
#[derive(Debug)]
pub struct QNetwork {
    network: Network,
}

impl QNetwork {
    /// A fresh network for every seed.
    #[must_use]
    pub fn new(
        seeds: &[u64],
        (observations, actions): (usize, usize),
        critic: &CriticOptions,
        options: AdamOptions,
        device: Device,
    ) -> Self {
        let rng = |seed: &u64| stream(*seed, Purpose::Initialisation, 4);
        let mut rngs: Vec<_> = seeds.iter().map(rng).collect();
        let shape = MlpShape::new(observations + actions, critic.hidden, 1);
        let network =
            Network::new(&mut rngs, shape, critic.activation, 1.0, (0, 0.0), options, device);
        Self { network }
    }

    /// The network of some of the seeds, as views.
    #[must_use]
    pub fn shard(&self, shard: &Shard) -> Self {
        Self { network: self.network.shard(shard) }
    }

    /// For checkpoints.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// For checkpoints.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Fits the values of the actions taken. Gives half the mean squared error, by seed, mean over
    /// all minibatches.
    pub fn fit(
        &mut self,
        real: &RealRollout,
        (seeds, iteration): (&[u64], u64),
        options: &UpdateOptions,
        learning_rate: f64,
        threads: usize,
    ) -> Vec<f64> {
        let inputs = input(&real.z, &real.actions);
        let targets = (&real.advantages + &real.values).unsqueeze(2);
        let states = inputs.size()[1] as usize;
        let jobs = shards(seeds.len(), inputs.device()).into_iter().map(|shard| {
            let data = [data_of_shard(&inputs, &shard), data_of_shard(&targets, &shard)];
            (self.network.shard(&shard), data, seeds[shard].to_vec())
        });
        let fitted = parallel(jobs.collect(), threads, |(mut network, data, seeds)| {
            let _no_grad = tch::no_grad_guard();
            let shuffle = Shuffle::new(&seeds, states, options.epochs, iteration, 2);
            let losses = shuffle.epochs(&data, options.minibatch_size, |[x, targets]| {
                let (y, cache) = network.forward(&x);
                let error = y - targets;
                network.backward(&cache, &(&error / x.size()[1] as f64), None);
                network.step(learning_rate, options.max_norm());
                error.square().mean_dim(&[1i64][..], false, Kind::Float) * 0.5
            });
            (network, losses.concat())
        });
        if let Some((network, _)) = fitted.first() {
            self.network.rejoin(network);
        }
        fitted.into_iter().flat_map(|(_, losses)| losses).collect()
    }

    /// Advantages `[S, T, N]` of extra raw actions `[S, T, N, A]`: `Q(s, a) - V(s)`.
    pub fn advantages(&self, context: &Context<'_>, extra: &Tensor) -> Tensor {
        let size = extra.size();
        let z = context.real.z.unsqueeze(2).expand([size[0], size[1], size[2], -1], false);
        let q = self.network.predict(&input(&z.flatten(1, 2), &extra.flatten(1, 2)));
        q.view(&size[..3]) - context.real.values.unsqueeze(2)
    }
}

/// What the network sees of states and raw actions.
fn input(z: &Tensor, raw: &Tensor) -> Tensor {
    Tensor::cat(&[z, &raw.clamp(-1.0, 1.0)], 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::to_vec;

    #[test]
    fn the_values_of_actions_are_learned_by_each_seed() {
        tch::manual_seed(14);
        let cpu = (Kind::Float, Device::Cpu);
        let z = Tensor::randn([2, 512, 2], cpu);
        let actions = Tensor::rand([2, 512, 1], cpu) * 2.0 - 1.0;
        // Seed 0: Q = a, seed 1: Q = z_0 - a; the critic knows nothing.
        let q = |z: &Tensor, a: &Tensor| {
            let (z, a) = (z.narrow(2, 0, 1), a);
            Tensor::cat(&[a.narrow(0, 0, 1), z.narrow(0, 1, 1) - a.narrow(0, 1, 1)], 0)
        };
        let values = Tensor::zeros([2, 512], cpu);
        let advantages = q(&z, &actions).squeeze_dim(2);
        let real = RealRollout { z, actions, advantages, values };
        let critic = CriticOptions { hidden: 32, ..CriticOptions::default() };
        let adam = AdamOptions { epsilon: 1e-5 };
        let mut network = QNetwork::new(&[1, 2], (2, 1), &critic, adam, Device::Cpu);
        let options = UpdateOptions { max_grad_norm: 0.0, ..UpdateOptions::default() };
        let first = network.fit(&real, (&[1, 2], 0), &options, 3e-3, 2);
        let mut last = Vec::new();
        for iteration in 1..4 {
            last = network.fit(&real, (&[1, 2], iteration), &options, 3e-3, 2);
        }
        assert_eq!(first.len(), 2);
        assert!(
            first.iter().zip(&last).all(|(first, last)| *last < 0.1 * first),
            "{first:?} {last:?}"
        );
        let (z, a) = (Tensor::randn([2, 50, 2], cpu), Tensor::rand([2, 50, 1], cpu));
        let error = network.network.predict(&input(&z, &a)) - q(&z, &a);
        let worst = to_vec(&error.square().mean_dim(&[1i64, 2][..], false, Kind::Float));
        assert!(worst.iter().all(|mse| *mse < 0.05), "{worst:?}");
    }
}
