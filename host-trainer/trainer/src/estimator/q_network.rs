//! QAA: the extra actions' values from a network, fitted by L2 to TD(lambda) targets of the actions
//! taken.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `input` | `[S, B, D + A]` | normalised observation and clamped action |
//! | `target` | `[S, B, 1]` | `A + V`: the TD(lambda) return of the real trajectory |

use super::context::Context;
use super::interface::{Definition, Estimator, Extra, Lesson, Memory, Operations, Setup, Sizes};
use crate::data::Shuffle;
use crate::nn::{
    AdamOptions, Network, data_of_shard, forward_operations, parallel, shards, step_operations,
};
use crate::settings::Config;
use crate::world_model::ModelError;
use daa_core::MlpShape;
use daa_envs as task;
use daa_envs::streams::{Purpose, stream};
use tch::{Kind, Tensor};

/// The estimator `q_network`.
pub(super) static DEFINITION: Definition = Definition {
    name: "q_network",
    report_name: "QAA-{}",
    help: "extra actions, scored by a network of the actions' values (QAA)",
    extra: Extra::Actions,
    has_horizon: false,
    has_model: false,
    replays: false,
    rewinds: false,
    memory: |config, sizes| {
        let network = Memory::of_networks(config, &[shape(config, sizes)], &["critic.hidden"]);
        vec![network, Memory::of_extra(config, sizes.actions + 1)]
    },
    build: |setup| Box::new(QNetwork::new(setup)),
};

/// The network of all seeds.
#[derive(Debug)]
pub(super) struct QNetwork {
    network: Network,
}

fn shape(config: &Config, sizes: Sizes) -> MlpShape {
    MlpShape::new(sizes.observations + sizes.actions, config.critic.hidden, 1)
}

impl QNetwork {
    /// A fresh network for every seed.
    fn new(setup: &Setup<'_>) -> Self {
        let config = setup.config;
        let rng = |seed: &u64| stream(*seed, Purpose::Initialisation, 4);
        let mut rngs: Vec<_> = config.seeds.iter().map(rng).collect();
        let (shape, activation) = (shape(config, setup.sizes), config.critic.activation);
        let options = AdamOptions { epsilon: config.update.adam_epsilon };
        let extra = (0, 0.0);
        let device = setup.device;
        let network = Network::new(&mut rngs, shape, activation, 1.0, extra, options, device);
        Self { network }
    }

    /// Fits the values of the actions taken. Half the mean squared error of each seed, mean over all
    /// minibatches.
    fn fit(&mut self, lesson: &Lesson<'_>) -> Vec<f64> {
        let Lesson { config, real, iteration, learning_rate, .. } = *lesson;
        let (seeds, options) = (&config.seeds, &config.update);
        let inputs = input(&real.obs, &real.actions);
        let targets = (&real.advantages + &real.values).unsqueeze(2);
        let states = inputs.size()[1] as usize;
        let jobs = shards(seeds.len(), inputs.device()).into_iter().map(|shard| {
            let data = [data_of_shard(&inputs, &shard), data_of_shard(&targets, &shard)];
            (self.network.shard(&shard), data, seeds[shard].to_vec())
        });
        let threads = config.num_threads();
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
}

impl Estimator for QNetwork {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn learn(&mut self, lesson: &Lesson<'_>) -> Vec<ModelError> {
        let _ = self.fit(lesson);
        Vec::new()
    }

    /// `Q(s, a) - V(s)`.
    fn advantages(&self, context: &Context<'_>, extra: &Tensor) -> Result<Tensor, task::Error> {
        let size = extra.size();
        let obs = context.real.obs.unsqueeze(2).expand([size[0], size[1], size[2], -1], false);
        let q = self.network.predict(&input(&obs.flatten(1, 2), &extra.flatten(1, 2)));
        Ok(q.view(&size[..3]) - context.real.values.unsqueeze(2))
    }

    fn networks(&self) -> Vec<(&'static str, &Network)> {
        vec![("q_network", &self.network)]
    }

    fn networks_mut(&mut self) -> Vec<(&'static str, &mut Network)> {
        vec![("q_network", &mut self.network)]
    }

    fn operations(&self, config: &Config, _actor: MlpShape, _critic: MlpShape) -> Operations {
        let (states, shape) = (config.batch() as f64, self.network.shape());
        Operations {
            learning: config.update.epochs as f64 * states * step_operations(shape),
            scoring: states * config.estimator.num_actions as f64 * forward_operations(shape),
            added_states: 0.0,
        }
    }
}

/// Inputs of the network: normalised observations and clamped actions.
fn input(obs: &Tensor, raw: &Tensor) -> Tensor {
    Tensor::cat(&[obs, &raw.clamp(-1.0, 1.0)], 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Normalisation, RolloutBatch};
    use crate::nn::to_vec;
    use tch::Device;

    #[test]
    fn the_values_of_actions_are_learned_by_each_seed() {
        tch::manual_seed(14);
        let cpu = (Kind::Float, Device::Cpu);
        let obs = Tensor::randn([2, 512, 2], cpu);
        let actions = Tensor::rand([2, 512, 1], cpu) * 2.0 - 1.0;
        // Seed 0: Q = a, seed 1: Q = obs_0 - a; the critic's values are 0.
        let q = |obs: &Tensor, a: &Tensor| {
            let obs = obs.narrow(2, 0, 1);
            Tensor::cat(&[a.narrow(0, 0, 1), obs.narrow(0, 1, 1) - a.narrow(0, 1, 1)], 0)
        };
        let values = Tensor::zeros([2, 512], cpu);
        let advantages = q(&obs, &actions).squeeze_dim(2);
        let real = RolloutBatch { obs, actions, advantages, values };
        let mut config = Config { seeds: vec![1, 2], threads: 2, ..Config::default() };
        (config.critic.hidden, config.update.max_grad_norm) = (32, 0.0);
        let sizes = Sizes { observations: 2, actions: 1 };
        let setup = Setup { config: &config, sizes, device: Device::Cpu };
        let mut network = QNetwork::new(&setup);
        let normalisation = Normalisation {
            scales: Vec::new(),
            changes: Vec::new(),
            reward_scales: Vec::new(),
            reward_clip: 1.0,
        };
        let mut fit = |iteration: u64| {
            network.fit(&Lesson {
                config: &config,
                real: &real,
                buffers: &[],
                newest: &[],
                normalisation: &normalisation,
                iteration,
                learning_rate: 3e-3,
            })
        };
        let first = fit(0);
        let last = (1..4).map(&mut fit).last().unwrap();
        assert_eq!(first.len(), 2);
        assert!(
            first.iter().zip(&last).all(|(first, last)| *last < 0.1 * first),
            "{first:?} {last:?}"
        );
        let (obs, a) = (Tensor::randn([2, 50, 2], cpu), Tensor::rand([2, 50, 1], cpu));
        let error = network.network.predict(&input(&obs, &a)) - q(&obs, &a);
        let worst = to_vec(&error.square().mean_dim(&[1i64, 2][..], false, Kind::Float));
        assert!(worst.iter().all(|mse| *mse < 0.05), "{worst:?}");
    }
}
