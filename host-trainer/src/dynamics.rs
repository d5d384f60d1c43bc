//! The learned dynamics of all seeds: transition and reward networks, trained by L2 on the replay
//! buffer (paper, Sec. 4), each on a thread of its own.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `input` | `[S, B, D + A]` | normalised observation and clamped action |
//! | `target` | `[S, B, D]` | next normalised observation, or its change over the change's deviation |
//! | `reward` | `[S, B, 1]` | scaled reward |

use crate::config::Config;
use crate::nn::{AdamOptions, Network, Reader, use_one_thread};
use crate::random::{Purpose, stream};
use crate::replay::{ReplayBuffer, Transition};
use crate::statistics::ObservationScale;
use daa_core::MlpShape;
use daa_core::dynamics::TransitionTarget;
use tch::{Device, Kind, Tensor};

/// Everything a minibatch is made with: one entry a seed.
#[derive(Clone, Copy, Debug)]
pub struct Units<'a> {
    /// Observation statistics.
    pub scales: &'a [ObservationScale],
    /// Deviations of the changes of normalised observations, `[D]` each.
    pub changes: &'a [Vec<f32>],
    /// Factors of the rewards.
    pub reward_scales: &'a [f32],
}

/// Mean squared errors of one-step predictions, averaged over seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ModelError {
    /// Of the transition targets.
    pub transition: f64,
    /// Of the scaled rewards.
    pub reward: f64,
}

/// Transition and reward networks of all seeds.
#[derive(Debug)]
pub struct WorldModel {
    /// `[D + A] -> [D]`
    pub transition: Network,
    /// `[D + A] -> [1]`
    pub reward: Network,
    target: TransitionTarget,
    device: Device,
    learning_rate: f64,
    minibatch: usize,
}

/// One network's share of a training set, `[S, steps * B, ...]`.
struct TrainingSet {
    inputs: Tensor,
    targets: Tensor,
}

impl WorldModel {
    /// Fresh networks for every seed of a run.
    #[must_use]
    pub fn new(config: &Config, observations: usize, actions: usize, device: Device) -> Self {
        let options = AdamOptions { epsilon: config.model_adam_epsilon };
        let network = |index: u64, hidden: usize, output: usize| {
            let mut rngs: Vec<_> = config
                .seeds
                .iter()
                .map(|seed| stream(*seed, Purpose::Initialisation, index))
                .collect();
            let shape = MlpShape::new(observations + actions, hidden, output);
            Network::new(&mut rngs, shape, config.model_activation, 1.0, (0, 0.0), options, device)
        };
        Self {
            transition: network(2, config.transition_hidden, observations),
            reward: network(3, config.reward_hidden, 1),
            target: config.transition_target,
            device,
            learning_rate: config.model_learning_rate,
            minibatch: config.model_minibatch,
        }
    }

    /// Appends one transition to the columns of a set.
    fn append(
        &self,
        transition: Transition<'_>,
        (scale, change, reward_scale): (&ObservationScale, &[f32], f32),
        (inputs, next, rewards): (&mut Vec<f32>, &mut Vec<f32>, &mut Vec<f32>),
    ) {
        let (start, observations) = (inputs.len(), transition.observation.len());
        inputs.resize(start + observations, 0.0);
        scale.normalise(transition.observation, &mut inputs[start..]);
        let target = next.len();
        next.resize(target + observations, 0.0);
        scale.normalise(transition.next, &mut next[target..]);
        if self.target == TransitionTarget::Difference {
            for ((next, z), change) in next[target..].iter_mut().zip(&inputs[start..]).zip(change) {
                *next = (*next - z) / change;
            }
        }
        inputs.extend(transition.action.iter().map(|raw| daa_core::guard::limit(*raw, -1.0, 1.0)));
        rewards.push(transition.reward * reward_scale);
    }

    /// Tensors of `count` transitions of each seed, chosen by `choose(seed, buffer, i)`.
    fn sets<'b>(
        &self,
        buffers: &'b [ReplayBuffer],
        count: usize,
        units: Units<'_>,
        mut choose: impl FnMut(usize, &'b ReplayBuffer, usize) -> Transition<'b>,
    ) -> [TrainingSet; 2] {
        let (mut inputs, mut next, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
        for (s, buffer) in buffers.iter().enumerate() {
            let unit = (&units.scales[s], &units.changes[s][..], units.reward_scales[s]);
            for i in 0..count {
                let columns = (&mut inputs, &mut next, &mut rewards);
                self.append(choose(s, buffer, i), unit, columns);
            }
        }
        let (seeds, count) = (buffers.len() as i64, count as i64);
        let tensor = |values: &[f32]| {
            Tensor::from_slice(values).view([seeds, count, -1]).to_device(self.device)
        };
        let inputs = tensor(&inputs);
        let reward = TrainingSet { inputs: inputs.shallow_clone(), targets: tensor(&rewards) };
        [TrainingSet { inputs, targets: tensor(&next) }, reward]
    }

    /// Makes `steps` gradient steps of both networks on minibatches drawn from each seed's buffer.
    pub fn train(
        &mut self,
        buffers: &[ReplayBuffer],
        units: Units<'_>,
        steps: usize,
        seeds: &[u64],
        iteration: u64,
    ) {
        let mut rngs: Vec<_> =
            seeds.iter().map(|seed| stream(*seed, Purpose::Replay, iteration)).collect();
        let [transition, reward] =
            self.sets(buffers, steps * self.minibatch, units, |s, buffer, _| {
                buffer.draw(&mut rngs[s])
            });
        let (learning_rate, minibatch) = (self.learning_rate, self.minibatch as i64);
        let run = |network: &mut Network, set: TrainingSet| {
            for step in 0..steps as i64 {
                let inputs = set.inputs.narrow(1, step * minibatch, minibatch);
                let targets = set.targets.narrow(1, step * minibatch, minibatch);
                regress(network, &inputs, &targets, learning_rate);
            }
        };
        let (transition_network, reward_network) = (&mut self.transition, &mut self.reward);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                use_one_thread();
                run(reward_network, reward);
            });
            run(transition_network, transition);
        });
    }

    /// Errors on the newest `count` transitions of each buffer, before anything is learned from them.
    #[must_use]
    pub fn error(
        &self,
        buffers: &[ReplayBuffer],
        newest: &[Vec<usize>],
        units: Units<'_>,
    ) -> ModelError {
        let count = newest.iter().map(Vec::len).min().unwrap_or(0);
        if count == 0 {
            return ModelError::default();
        }
        let sets = self.sets(buffers, count, units, |s, buffer, i| buffer.get(newest[s][i]));
        let error = |network: &Network, set: &TrainingSet| {
            (network.predict(&set.inputs) - &set.targets)
                .square()
                .mean(Kind::Float)
                .double_value(&[])
        };
        ModelError {
            transition: error(&self.transition, &sets[0]),
            reward: error(&self.reward, &sets[1]),
        }
    }

    /// For imagining, in another thread.
    #[must_use]
    pub fn reader(&self, changes: &[Vec<f32>], clip: f32) -> WorldReader {
        let changes: Vec<f32> = changes.concat();
        let seeds = self.transition.seeds() as i64;
        let scale = Tensor::from_slice(&changes).view([seeds, 1, -1]).to_device(self.device);
        let (transition, reward) = (self.transition.reader(), self.reward.reader());
        WorldReader { transition, reward, target: self.target, scale, clip: f64::from(clip) }
    }
}

/// One step of L2: the loss is the mean over the minibatch and the outputs.
fn regress(network: &mut Network, inputs: &Tensor, targets: &Tensor, learning_rate: f64) {
    let (y, cache) = network.forward(inputs);
    let per_seed = (y.numel() / network.seeds()) as f64;
    let dy = (y - targets) * (2.0 / per_seed);
    network.backward(&cache, &dy, None);
    network.step(learning_rate, None);
}

/// The dynamics, read only.
#[derive(Debug)]
pub struct WorldReader {
    transition: Reader,
    reward: Reader,
    target: TransitionTarget,
    scale: Tensor,
    clip: f64,
}

impl WorldReader {
    /// Next normalised observations `[S, B, D]` and scaled rewards `[S, B, 1]` of raw actions
    /// `[S, B, A]`: the arithmetic of [`daa_core::dynamics::Dynamics::step`].
    pub fn step(&self, z: &Tensor, raw: &Tensor) -> (Tensor, Tensor) {
        let input = Tensor::cat(&[z, &raw.clamp(-1.0, 1.0)], 2);
        let output = self.transition.predict(&input);
        let mut next = match self.target {
            TransitionTarget::Next => output,
            TransitionTarget::Difference => z.addcmul(&output, &self.scale),
        };
        (next.clamp_(-self.clip, self.clip), self.reward.predict(&input))
    }
}
