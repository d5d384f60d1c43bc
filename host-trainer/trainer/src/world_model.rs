//! The learned dynamics of all seeds: transition and reward, trained by L2 on the replay buffer
//! (paper, Sec. 4). The model has two networks, trained on one thread each, or one network with two heads.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `input` | `[S, B, D + A]` | normalised observation and clamped action |
//! | `target` | `[S, B, D]` | next normalised observation, or its change over the change's standard deviation |
//! | `reward` | `[S, B, 1]` | scaled reward |

use crate::data::{Normalisation, ReplayBuffer, Transition};
use crate::nn::{AdamOptions, Network, Reader, Shard, parallel, shards};
use crate::settings::Config;
use daa_core::model::TransitionTarget;
use daa_core::{Activation, MlpShape};
use daa_envs::streams::{Purpose, stream};
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// Mean squared errors of one-step predictions of one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ModelError {
    /// Mean squared error of the transition targets.
    pub transition: f64,
    /// Mean squared error of the scaled rewards.
    pub reward: f64,
}

/// The output of a network of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Transition,
    Reward,
    /// `[D + 1]`: the next observation, then the reward.
    Both,
}

impl Head {
    /// Name of the network in checkpoints and messages.
    fn name(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::Reward => "reward",
            Self::Both => "model",
        }
    }
}

/// The learned dynamics of all seeds.
#[derive(Debug)]
pub struct WorldModel {
    networks: Vec<(Head, Network)>,
    layout: Layout,
    learning_rate: f64,
    minibatch_size: usize,
}

/// The layout of a transition as input and target.
#[derive(Clone, Copy, Debug)]
struct Layout {
    observations: usize,
    target: TransitionTarget,
    device: Device,
}

/// Inputs and targets of one network, `[S, rows, ...]`.
struct TrainingSet {
    inputs: Tensor,
    targets: Tensor,
}

impl Layout {
    /// Returns the training set of `count` transitions of each seed of a shard; `choose(seed index, i)` selects the
    /// transition.
    fn set<'b>(
        self,
        head: Head,
        shard: &Shard,
        count: usize,
        normalisation: &Normalisation,
        mut choose: impl FnMut(usize, usize) -> Transition<'b>,
    ) -> TrainingSet {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for s in shard.clone() {
            let scale = &normalisation.scales[s];
            for i in 0..count {
                let transition = choose(s, i);
                let start = inputs.len();
                inputs.resize(start + self.observations, 0.0);
                scale.normalise(transition.observation, &mut inputs[start..]);
                if head != Head::Reward {
                    let first = targets.len();
                    targets.resize(first + self.observations, 0.0);
                    scale.normalise(transition.next, &mut targets[first..]);
                    if self.target == TransitionTarget::Difference {
                        let now = inputs[start..].iter().zip(&normalisation.changes[s]);
                        for (next, (obs, change)) in targets[first..].iter_mut().zip(now) {
                            *next = (*next - obs) / change;
                        }
                    }
                }
                if head != Head::Transition {
                    targets.push(transition.reward * normalisation.reward_scales[s]);
                }
                let clamped = |raw: &f32| daa_core::math::limit(*raw, -1.0, 1.0);
                inputs.extend(transition.action.iter().map(clamped));
            }
        }
        let (seeds, count) = (shard.len() as i64, count as i64);
        let tensor = |values: &[f32]| {
            Tensor::from_slice(values).view([seeds, count, -1]).to_device(self.device)
        };
        TrainingSet { inputs: tensor(&inputs), targets: tensor(&targets) }
    }

    /// Weights of the errors of the outputs, `[out]`: the loss of a head is the mean over its outputs, and the losses of
    /// two heads are added.
    fn weights(self, head: Head) -> Tensor {
        let (transition, reward) = (1.0 / self.observations as f32, 1.0f32);
        let weights = match head {
            Head::Transition => vec![transition; self.observations],
            Head::Reward => vec![reward],
            Head::Both => [vec![transition; self.observations], vec![reward]].concat(),
        };
        Tensor::from_slice(&weights).view([1, 1, -1]).to_device(self.device)
    }
}

impl WorldModel {
    /// Returns newly initialised networks for every seed of a run.
    #[must_use]
    pub fn new(config: &Config, observations: usize, actions: usize, device: Device) -> Self {
        let options = AdamOptions { epsilon: config.model.adam_epsilon };
        let network = |index: u64, hidden: usize, output: usize| {
            let rng = |seed: &u64| stream(*seed, Purpose::Initialisation, index);
            let mut rngs: Vec<_> = config.seeds.iter().map(rng).collect();
            let shape = MlpShape::new(observations + actions, hidden, output);
            Network::new(&mut rngs, shape, config.model.activation, 1.0, (0, 0.0), options, device)
                .with_bf16(config.model.bf16)
        };
        let networks = if config.model.common_trunk {
            vec![(Head::Both, network(2, config.model.transition_hidden, observations + 1))]
        } else {
            vec![
                (Head::Transition, network(2, config.model.transition_hidden, observations)),
                (Head::Reward, network(3, config.model.reward_hidden, 1)),
            ]
        };
        let layout = Layout { observations, target: config.model.transition_target, device };
        let (learning_rate, minibatch_size) =
            (config.model.learning_rate, config.model.minibatch_size);
        Self { networks, layout, learning_rate, minibatch_size }
    }

    /// The networks, with their names in a checkpoint.
    pub fn networks(&self) -> impl Iterator<Item = (&'static str, &Network)> {
        self.networks.iter().map(|(head, network)| (head.name(), network))
    }

    /// The networks, mutable, with their names in a checkpoint.
    pub fn networks_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Network)> {
        self.networks.iter_mut().map(|(head, network)| (head.name(), network))
    }

    /// Returns the model of a shard's seeds, as views.
    #[must_use]
    pub fn shard(&self, shard: &Shard) -> Self {
        let networks = self.networks.iter().map(|(head, network)| (*head, network.shard(shard)));
        let (layout, learning_rate, minibatch_size) =
            (self.layout, self.learning_rate, self.minibatch_size);
        Self { networks: networks.collect(), layout, learning_rate, minibatch_size }
    }

    /// Activation of the networks.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.networks[0].1.activation()
    }

    /// Whether model rollouts are rounded to bfloat16.
    #[must_use]
    pub fn bf16(&self) -> bool {
        self.networks[0].1.bf16()
    }

    /// One seed's transition network, laid out as in an image.
    #[must_use]
    pub fn transition(&self, seed_index: usize) -> (MlpShape, Vec<f32>) {
        self.alone(seed_index, Head::Transition, 0..self.layout.observations)
    }

    /// One seed's reward network, laid out as in an image.
    #[must_use]
    pub fn reward(&self, seed_index: usize) -> (MlpShape, Vec<f32>) {
        self.alone(seed_index, Head::Reward, self.layout.observations..self.layout.observations + 1)
    }

    /// Returns one head as a separate network, with a copy of a common trunk.
    fn alone(
        &self,
        seed_index: usize,
        wanted: Head,
        columns: Range<usize>,
    ) -> (MlpShape, Vec<f32>) {
        let found = self.networks.iter().find(|(head, _)| *head == wanted);
        let (head, network) = found.unwrap_or(&self.networks[0]);
        let (shape, params) = (network.shape(), network.seed_params(seed_index));
        if *head != Head::Both {
            return (shape, params);
        }
        let [.., (hidden, outputs)] = shape.layers();
        let (trunk, last) = params.split_at(params.len() - (hidden + 1) * outputs);
        // The rows of the last layer's weights, and its bias as one more row.
        let rows = last.chunks_exact(outputs).flat_map(|row| &row[columns.clone()]);
        let params = trunk.iter().chain(rows).copied().collect();
        (MlpShape::new(shape.input, shape.hidden, columns.len()), params)
    }

    /// Makes `steps` gradient steps on minibatches drawn from the replay buffer of each seed.
    pub fn train(
        &mut self,
        buffers: &[ReplayBuffer],
        normalisation: &Normalisation,
        steps: usize,
        (seeds, iteration): (&[u64], u64),
        threads: usize,
    ) {
        let (layout, learning_rate) = (self.layout, self.learning_rate);
        let minibatch_size = self.minibatch_size;
        let jobs = shards(seeds.len(), layout.device).into_iter().flat_map(|shard| {
            let networks = self.networks.iter();
            networks.map(move |(head, network)| (*head, network.shard(&shard), shard.clone()))
        });
        let trained = parallel(jobs.collect(), threads, |(head, mut network, shard)| {
            let _no_grad = tch::no_grad_guard();
            let mut rngs: Vec<_> =
                seeds.iter().map(|seed| stream(*seed, Purpose::Replay, iteration)).collect();
            let set = layout.set(head, &shard, steps * minibatch_size, normalisation, |s, _| {
                buffers[s].draw(&mut rngs[s])
            });
            let weights = layout.weights(head);
            for step in 0..steps as i64 {
                let rows =
                    |t: &Tensor| t.narrow(1, step * minibatch_size as i64, minibatch_size as i64);
                let (inputs, targets) = (rows(&set.inputs), rows(&set.targets));
                regress(&mut network, &inputs, &targets, &weights, learning_rate);
            }
            (head, network)
        });
        for (head, network) in &mut self.networks {
            if let Some((_, shard)) = trained.iter().find(|(trained, _)| trained == head) {
                network.rejoin(shard);
            }
        }
    }

    /// Errors of each seed's model on the newest transitions of its buffer; call it before the model is trained on them.
    #[must_use]
    pub fn errors(
        &self,
        buffers: &[ReplayBuffer],
        newest: &[Vec<usize>],
        normalisation: &Normalisation,
    ) -> Vec<ModelError> {
        let error = |s: usize| {
            let shard = s..s + 1;
            let mut error = ModelError::default();
            for (head, network) in &self.networks {
                let set = self.layout.set(*head, &shard, newest[s].len(), normalisation, |s, i| {
                    buffers[s].get(newest[s][i])
                });
                let squares = (network.reader(&shard).predict(&set.inputs) - &set.targets).square();
                let mean = |from: i64, width: i64| {
                    squares.narrow(2, from, width).mean(Kind::Float).double_value(&[])
                };
                let width = self.layout.observations as i64;
                match head {
                    Head::Transition => error.transition = mean(0, width),
                    Head::Reward => error.reward = mean(0, 1),
                    Head::Both => {
                        (error.transition, error.reward) = (mean(0, width), mean(width, 1))
                    }
                }
            }
            error
        };
        (0..buffers.len()).map(error).collect()
    }

    /// Returns a reader of a shard's model, for model rollouts in another thread.
    #[must_use]
    pub fn reader(&self, shard: &Shard, changes: &[Vec<f32>], clip: f32) -> WorldReader {
        let changes: Vec<f32> = changes[shard.clone()].concat();
        let scale = Tensor::from_slice(&changes).view([shard.len() as i64, 1, -1]);
        WorldReader {
            networks: self.networks.iter().map(|(_, network)| network.reader(shard)).collect(),
            observations: self.layout.observations as i64,
            target: self.layout.target,
            scale: scale.to_device(self.layout.device),
            clip: f64::from(clip),
        }
    }
}

/// Makes one gradient step of L2 regression.
fn regress(
    network: &mut Network,
    inputs: &Tensor,
    targets: &Tensor,
    weights: &Tensor,
    learning_rate: f64,
) {
    let (mut y, cache) = network.forward(inputs);
    let dy = y.g_sub_(targets).g_mul_(weights).g_mul_scalar_(2.0 / inputs.size()[1] as f64);
    network.backward(&cache, &dy, None);
    network.step(learning_rate, None);
}

/// The learned dynamics, read-only, for model rollouts.
#[derive(Debug)]
pub struct WorldReader {
    /// The transition network and the reward network, or one network with both heads.
    networks: Vec<Reader>,
    observations: i64,
    target: TransitionTarget,
    scale: Tensor,
    clip: f64,
}

impl WorldReader {
    /// Next normalised observations `[S, B, D]` and scaled rewards `[S, B, 1]` for raw actions
    /// `[S, B, A]`, with the arithmetic of [`daa_core::model::Dynamics::step`].
    pub fn step(&self, obs: &Tensor, raw: &Tensor) -> (Tensor, Tensor) {
        let input = Tensor::cat(&[obs, &raw.clamp(-1.0, 1.0)], 2);
        let output = self.networks[0].predict(&input);
        let reward = match self.networks.get(1) {
            Some(reward) => reward.predict(&input),
            None => output.narrow(2, self.observations, 1),
        };
        let output = output.narrow(2, 0, self.observations);
        let next = match self.target {
            TransitionTarget::Next => output,
            TransitionTarget::Difference => obs.addcmul(&output, &self.scale),
        };
        (next.clamp(-self.clip, self.clip), reward)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::to_vec;
    use crate::settings::ModelOptions;
    use daa_core::DynMlp;

    #[test]
    fn a_head_of_a_common_trunk_is_a_separate_network() {
        tch::manual_seed(12);
        let mut config = Config { seeds: vec![3, 4], ..Config::default() };
        (config.model.common_trunk, config.model.transition_hidden) = (true, 6);
        let model = WorldModel::new(&config, 3, 2, Device::Cpu);
        let input = Tensor::randn([2, 1, 5], (Kind::Float, Device::Cpu));
        for s in 0..2 {
            let network = model.networks().next().unwrap().1;
            let both = to_vec(&network.predict(&input).get(s as i64));
            let of = |(shape, params): (MlpShape, Vec<f32>)| {
                let mlp = DynMlp::new(shape, &params, model.activation()).unwrap();
                let (mut scratch, mut y) = (vec![0.0; 12], vec![0.0; shape.output]);
                mlp.forward(&to_vec(&input.get(s as i64)), &mut scratch, &mut y);
                y
            };
            let heads = [of(model.transition(s)), of(model.reward(s))].concat();
            assert_eq!(heads.len(), 4);
            for (head, both) in heads.iter().zip(&both) {
                assert!((head - both).abs() < 1e-5, "{head} {both}");
            }
        }
    }

    #[test]
    fn both_forms_of_the_model_learn_a_linear_system() {
        for common_trunk in [false, true] {
            let model = ModelOptions {
                common_trunk,
                transition_hidden: 24,
                reward_hidden: 24,
                minibatch_size: 64,
                transition_target: TransitionTarget::Next,
                ..ModelOptions::default()
            };
            let config = Config { model, ..Config::default() };
            let mut model = WorldModel::new(&config, 1, 1, Device::Cpu);
            let mut buffer = ReplayBuffer::new(1000, 1, 1);
            let newest: Vec<usize> = (0..1000)
                .map(|i| {
                    let (x, a) = ((i as f32 * 0.37).sin(), (i as f32 * 0.73).cos());
                    buffer.push(Transition {
                        observation: &[x],
                        action: &[a],
                        reward: 0.5 * x - a,
                        next: &[0.8 * x + 0.3 * a],
                    })
                })
                .collect();
            let scale = daa_envs::running_stats::ObservationScale::new(
                &daa_envs::running_stats::RunningStatistics::new(1),
                false,
                10.0,
            );
            let normalisation = Normalisation {
                scales: vec![scale],
                changes: vec![vec![1.0]],
                reward_scales: vec![1.0],
                reward_clip: 10.0,
            };
            let (buffers, newest) = ([buffer], [newest]);
            let before = model.errors(&buffers, &newest, &normalisation)[0];
            model.train(&buffers, &normalisation, 600, (&[1], 0), 2);
            let after = model.errors(&buffers, &newest, &normalisation)[0];
            assert!(before.transition > 0.01 && before.reward > 0.01, "{before:?}");
            assert!(after.transition < 1e-3 && after.reward < 1e-3, "{after:?}");
        }
    }
}
