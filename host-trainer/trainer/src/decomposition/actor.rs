//! A Gaussian policy with any number of layers in double precision, and the gradient of every sample of a batch.
//!
//! The gradient of `ln pi` by the weights of a layer is an outer product: the layer's input times the derivative by the
//! layer's output. One pass over a batch gives both factors for all samples. The gradient of a sample is computed from
//! them only where it is needed, so the gradients of a whole batch are never in memory at once.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `params` | `[P]` | `[in][out]` weights and `[out]` biases layer by layer, then `log_std [A]`, as in an image |
//! | `observations` | `[B][D]` | raw, or normalised for [`Actor::of_normalised`] |
//! | `means` | `[B][A]` | `tanh` of the network |
//! | `owners` | `[K]` | the row of the batch whose state a sample belongs to |
//! | `actions` | `[K][A]` | raw actions |

use crate::nn::orthogonal;
use daa_core::Activation;
use daa_core::math::activation::LEAKY_SLOPE;
use daa_envs::agent::Agent;
use daa_envs::running_stats::ObservationScale;
use rand::Rng;

/// The policy, with its observation scale and an optional critic.
#[derive(Clone, Debug)]
pub struct Actor {
    sizes: Vec<usize>,
    activation: Activation,
    params: Vec<f64>,
    scale: Option<ObservationScale>,
    /// The critic whose values are the baseline of measured returns, if there is one.
    critic: Option<Box<Critic>>,
}

/// Values of states, in the rewards' own scale: the baseline of measured returns, and the value beyond the
/// horizon.
#[derive(Clone, Debug)]
pub struct Critic {
    network: Actor,
    /// Factor from the network's values to the rewards' own scale.
    unit: f64,
}

impl Critic {
    /// A critic from an agent whose output is the value, and the factor from that value to the rewards' own
    /// scale.
    #[must_use]
    pub fn new(network: &Agent, unit: f64) -> Self {
        Self { network: Actor::of(network), unit }
    }

    /// The value of a raw observation.
    #[must_use]
    pub fn value(&self, observation: &[f64]) -> f64 {
        self.unit * self.network.output(observation)
    }
}

/// The result of a forward pass over a batch of observations: the inputs of all layers, and the means.
#[derive(Debug)]
pub struct Pass {
    /// Input of each layer, `[layers][B][in]`.
    inputs: Vec<Vec<f64>>,
    /// Output of each layer before the activation, `[layers][B][out]`.
    before: Vec<Vec<f64>>,
    /// Means of the policy, `[B][A]`.
    pub means: Vec<f64>,
}

/// `grad ln pi` of a batch of samples, as the factors of outer products.
#[derive(Debug)]
pub struct Scores<'a> {
    actor: &'a Actor,
    pass: &'a Pass,
    owners: &'a [usize],
    /// Derivatives by the output of each layer, `[layers][K][out]`.
    deltas: Vec<Vec<f64>>,
    /// Derivatives by the log standard deviations, `[K][A]`.
    by_log_std: Vec<f64>,
}

fn activate(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu if z > 0.0 => z,
        Activation::LeakyRelu => f64::from(LEAKY_SLOPE) * z,
        Activation::Tanh => z.tanh(),
        Activation::Silu => z / (1.0 + (-z).exp()),
    }
}

fn slope(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Relu => f64::from(u8::from(z > 0.0)),
        Activation::LeakyRelu if z > 0.0 => 1.0,
        Activation::LeakyRelu => f64::from(LEAKY_SLOPE),
        Activation::Tanh => 1.0 - z.tanh().powi(2),
        Activation::Silu => {
            let sigmoid = 1.0 / (1.0 + (-z).exp());
            sigmoid * (1.0 + z * (1.0 - sigmoid))
        }
    }
}

/// The inner product, with eight partial sums: with a single sum, each addition would wait for the previous one.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f64>() + rest
}

impl Actor {
    /// Returns a policy with orthogonal weights (gain sqrt 2, `head_gain` for the last layer), zero biases and log
    /// standard deviations of 0.
    pub fn new(
        rng: &mut impl Rng,
        sizes: Vec<usize>,
        activation: Activation,
        head_gain: f32,
    ) -> Self {
        let mut params: Vec<f64> = Vec::new();
        for (layer, size) in sizes.windows(2).enumerate() {
            let last = layer + 2 == sizes.len();
            let gain = if last { head_gain } else { std::f32::consts::SQRT_2 };
            params.extend(orthogonal(rng, size[0], size[1], gain).iter().map(|w| f64::from(*w)));
            params.extend(std::iter::repeat_n(0.0, size[1]));
        }
        params.extend(std::iter::repeat_n(0.0, sizes.last().copied().unwrap_or(0)));
        Self { sizes, activation, params, scale: None, critic: None }
    }

    /// Returns the policy of a run or an image, for raw observations.
    #[must_use]
    pub fn of(agent: &Agent) -> Self {
        let shape = agent.shape;
        Self {
            sizes: vec![shape.input, shape.hidden, shape.hidden, shape.output],
            activation: agent.activation,
            params: agent.weights.iter().map(|weight| f64::from(*weight)).collect(),
            scale: Some(agent.scale.clone()),
            critic: None,
        }
    }

    /// Returns the policy of a run or an image, for normalised observations.
    #[must_use]
    pub fn of_normalised(agent: &Agent) -> Self {
        Self { scale: None, ..Self::of(agent) }
    }

    /// Adds a critic: values of actions become advantages, and returns are continued beyond the horizon by
    /// the critic's values.
    #[must_use]
    pub fn with_critic(self, critic: Critic) -> Self {
        Self { critic: Some(Box::new(critic)), ..self }
    }

    /// The critic, if there is one.
    #[must_use]
    pub fn critic(&self) -> Option<&Critic> {
        self.critic.as_deref()
    }

    /// Parameters, `[P]`.
    #[must_use]
    pub fn params(&self) -> &[f64] {
        &self.params
    }

    /// Parameters, mutable, `[P]`.
    pub fn params_mut(&mut self) -> &mut [f64] {
        &mut self.params
    }

    /// Number of inputs, D.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.sizes[0]
    }

    /// Number of actions, A.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// Log standard deviations, `[A]`.
    #[must_use]
    pub fn log_std(&self) -> &[f64] {
        &self.params[self.params.len() - self.actions()..]
    }

    /// Number of inputs and outputs of each layer.
    pub(super) fn layer_sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.sizes.windows(2).map(|size| (size[0], size[1]))
    }

    /// Number of inputs and outputs of each layer, and the index of its first weight in the parameters.
    fn layers(&self) -> Vec<(usize, usize, usize)> {
        let mut start = 0;
        let place = |size: &[usize]| {
            let at = start;
            start += (size[0] + 1) * size[1];
            (size[0], size[1], at)
        };
        self.sizes.windows(2).map(place).collect()
    }

    /// Computes the means of the policy at a batch of observations, `[B][D]`.
    #[must_use]
    pub fn pass(&self, observations: &[f64]) -> Pass {
        let mut x = match &self.scale {
            None => observations.to_vec(),
            Some(scale) => {
                let mut normalised = vec![0.0f32; observations.len()];
                let narrow: Vec<f32> = observations.iter().map(|x| *x as f32).collect();
                let len = self.observations();
                for (z, x) in normalised.chunks_exact_mut(len).zip(narrow.chunks_exact(len)) {
                    scale.normalise(x, z);
                }
                normalised.iter().map(|z| f64::from(*z)).collect()
            }
        };
        let (mut inputs, mut before) = (Vec::new(), Vec::new());
        for (input, output, at) in self.layers() {
            let weights = &self.params[at..][..input * output];
            let bias = &self.params[at + input * output..][..output];
            let mut z = Vec::with_capacity(x.len() / input * output);
            for row in x.chunks_exact(input) {
                let first = z.len();
                z.extend_from_slice(bias);
                let z = &mut z[first..];
                for (x, weights) in row.iter().zip(weights.chunks_exact(output)) {
                    z.iter_mut().zip(weights).for_each(|(z, weight)| *z += x * weight);
                }
            }
            inputs.push(std::mem::take(&mut x));
            x = z.iter().map(|z| activate(self.activation, *z)).collect();
            before.push(z);
        }
        let means = before[before.len() - 1].iter().map(|z| z.tanh()).collect();
        Pass { inputs, before, means }
    }

    /// The first output of the last layer for one observation, without the `tanh`.
    pub(super) fn output(&self, observation: &[f64]) -> f64 {
        self.pass(observation).before.last().map_or(f64::NAN, |z| z[0])
    }

    /// Writes `mean + exp(log_std) noise` over the noise, `[A]`.
    pub fn perturb(&self, mean: &[f64], noise: &mut [f64]) {
        for ((noise, mean), log_std) in noise.iter_mut().zip(mean).zip(self.log_std()) {
            *noise = mean + log_std.exp() * *noise;
        }
    }

    /// Returns `grad ln pi` of samples: raw `actions [K][A]`, drawn at the states in rows `owners [K]` of a pass.
    #[must_use]
    pub fn scores<'a>(
        &'a self,
        pass: &'a Pass,
        owners: &'a [usize],
        actions: &[f64],
    ) -> Scores<'a> {
        let width = self.actions();
        let (mut delta, mut by_log_std) = (Vec::new(), Vec::new());
        for (owner, action) in owners.iter().zip(actions.chunks_exact(width)) {
            let mean = &pass.means[owner * width..][..width];
            for ((action, mean), log_std) in action.iter().zip(mean).zip(self.log_std()) {
                let deviations = (action - mean) * (-log_std).exp();
                delta.push(deviations * (-log_std).exp() * (1.0 - mean * mean));
                by_log_std.push(deviations * deviations - 1.0);
            }
        }
        self.backward(pass, owners, delta, by_log_std)
    }

    /// Returns the gradient of each mean at each state: row `t A + a` is the gradient of `means[t][a]`, and
    /// `owners [B A]` must contain `t` there. The score of any action of a state is then a weighted sum of A rows.
    #[must_use]
    pub(super) fn mean_gradients<'a>(&'a self, pass: &'a Pass, owners: &'a [usize]) -> Scores<'a> {
        let width = self.actions();
        let mut delta = vec![0.0; owners.len() * width];
        for (row, delta) in delta.chunks_exact_mut(width).enumerate() {
            let mean = pass.means[row];
            delta[row % width] = 1.0 - mean * mean;
        }
        self.backward(pass, owners, delta, vec![0.0; owners.len() * width])
    }

    /// Returns the sum of the gradients of samples, `[P]`, given derivatives by the last layer's output,
    /// `delta [K][A]`; zero for the log standard deviations.
    #[must_use]
    pub fn weighted_sum(&self, pass: &Pass, owners: &[usize], delta: Vec<f64>) -> Vec<f64> {
        let scores = self.backward(pass, owners, delta, Vec::new());
        let mut sum = vec![0.0; self.params.len()];
        for sample in 0..owners.len() {
            let mut slots = sum.as_mut_slice();
            for (x, delta) in scores.factors(sample) {
                let (weights, rest) = slots.split_at_mut(x.len() * delta.len());
                let (bias, rest) = rest.split_at_mut(delta.len());
                for (row, x) in weights.chunks_exact_mut(delta.len()).zip(x) {
                    row.iter_mut().zip(delta).for_each(|(slot, delta)| *slot += x * delta);
                }
                bias.iter_mut().zip(delta).for_each(|(slot, delta)| *slot += delta);
                slots = rest;
            }
        }
        sum
    }

    /// Backpropagates derivatives by the last layer's output, `delta [K][A]`, to the outputs of all layers.
    fn backward<'a>(
        &'a self,
        pass: &'a Pass,
        owners: &'a [usize],
        delta: Vec<f64>,
        by_log_std: Vec<f64>,
    ) -> Scores<'a> {
        let mut deltas = vec![delta];
        // Each layer except the first propagates to the layer before it.
        for (layer, (input, output, at)) in self.layers().into_iter().enumerate().skip(1).rev() {
            let weights = &self.params[at..][..input * output];
            let (before, after) = (&pass.before[layer - 1], &deltas[deltas.len() - 1]);
            let mut back = Vec::with_capacity(owners.len() * input);
            for (owner, delta) in owners.iter().zip(after.chunks_exact(output)) {
                let before = &before[owner * input..][..input];
                back.extend(weights.chunks_exact(output).zip(before).map(|(weights, before)| {
                    dot(weights, delta) * slope(self.activation, *before)
                }));
            }
            deltas.push(back);
        }
        deltas.reverse();
        Scores { actor: self, pass, owners, deltas, by_log_std }
    }
}

impl Scores<'_> {
    /// The input of each layer and the derivative by its output, for one sample.
    pub(super) fn factors(&self, sample: usize) -> impl Iterator<Item = (&[f64], &[f64])> {
        let owner = self.owners[sample];
        let both = self.pass.inputs.iter().zip(&self.deltas);
        self.actor.layer_sizes().zip(both).map(move |((input, output), (x, delta))| {
            (&x[owner * input..][..input], &delta[sample * output..][..output])
        })
    }

    /// Derivatives by the log standard deviations for one sample, `[A]`.
    pub(super) fn by_log_std(&self, sample: usize) -> &[f64] {
        let width = self.actor.actions();
        &self.by_log_std[sample * width..][..width]
    }

    /// Writes `grad ln pi` of one sample to `gradient [P]`.
    pub fn write(&self, sample: usize, mut gradient: &mut [f64]) {
        for (x, delta) in self.factors(sample) {
            let (weights, rest) = gradient.split_at_mut(x.len() * delta.len());
            let (bias, rest) = rest.split_at_mut(delta.len());
            for (row, x) in weights.chunks_exact_mut(delta.len()).zip(x) {
                row.iter_mut().zip(delta).for_each(|(slot, delta)| *slot = x * delta);
            }
            bias.copy_from_slice(delta);
            gradient = rest;
        }
        gradient.copy_from_slice(self.by_log_std(sample));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn normal(rng: &mut ChaCha8Rng, len: usize) -> Vec<f64> {
        (0..len).map(|_| StandardNormal.sample(rng)).collect()
    }

    /// Returns an actor whose parameters differ from 0, because the test would not notice a forgotten zero bias.
    fn actor(rng: &mut ChaCha8Rng, hidden: &[usize], activation: Activation) -> Actor {
        let sizes = [&[3], hidden, &[2]].concat();
        let mut actor = Actor::new(rng, sizes, activation, 0.7);
        let noise = normal(rng, actor.params.len());
        actor.params.iter_mut().zip(noise).for_each(|(param, noise)| *param += 0.1 * noise);
        actor
    }

    fn log_prob(actor: &Actor, observation: &[f64], action: &[f64]) -> f64 {
        let pass = actor.pass(observation);
        let terms = action.iter().zip(&pass.means).zip(actor.log_std());
        terms.map(|((a, m), l)| -0.5 * ((a - m) * (-l).exp()).powi(2) - l).sum()
    }

    #[test]
    fn every_samples_gradient_is_that_of_finite_differences() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let activations =
            [Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Silu];
        for (hidden, activation) in
            [&[5usize] as &[usize], &[5, 4]].into_iter().flat_map(|h| activations.map(|a| (h, a)))
        {
            let actor = actor(&mut rng, hidden, activation);
            let observations = normal(&mut rng, 4 * 3);
            let owners = [0, 0, 1, 3, 2, 3];
            let actions = normal(&mut rng, owners.len() * 2);
            let pass = actor.pass(&observations);
            let scores = actor.scores(&pass, &owners, &actions);
            let mut gradient = vec![f64::NAN; actor.params.len()];
            for (sample, owner) in owners.into_iter().enumerate() {
                scores.write(sample, &mut gradient);
                let (observation, action) =
                    (&observations[owner * 3..][..3], &actions[sample * 2..][..2]);
                let h = 1e-6;
                for (p, gradient) in gradient.iter().enumerate() {
                    let at = |shift: f64| {
                        let mut shifted = actor.clone();
                        shifted.params[p] += shift;
                        log_prob(&shifted, observation, action)
                    };
                    let difference = (at(h) - at(-h)) / (2.0 * h);
                    let close = (difference - gradient).abs() < 1e-6 * (1.0 + gradient.abs());
                    assert!(close, "{hidden:?} {activation:?} {p}: {difference} {gradient}");
                }
            }
        }
    }
}
