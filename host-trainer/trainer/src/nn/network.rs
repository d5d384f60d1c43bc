//! The network of `daa-core` with two hidden layers, for `S` seeds at once.

use super::{Adam, AdamOptions, Shard, aligned_rows, data_of_shard, of_shard, orthogonal, shards};
use daa_core::math::activation::LEAKY_SLOPE;
use daa_core::{Activation, MlpShape};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Intermediate results of a forward pass that the backward pass needs.
#[derive(Debug)]
pub struct Cache {
    x: Tensor,
    first: Hidden,
    second: Hidden,
    /// The rounded factors of the product between the hidden layers, with bfloat16 only.
    rounded: Option<Rounded>,
}

/// The output of the first hidden layer and the weights of the second, in bfloat16.
#[derive(Debug)]
struct Rounded {
    first: Tensor,
    weight: Tensor,
}

/// The values of a hidden layer, before and after its activation.
#[derive(Debug)]
struct Hidden {
    /// Present only for SiLU, whose derivative is not a function of its output.
    before: Option<Tensor>,
    after: Tensor,
}

/// The networks of all seeds, with gradients and optimiser.
#[derive(Debug)]
pub struct Network {
    shape: MlpShape,
    activation: Activation,
    extra: i64,
    bf16: bool,
    params: Tensor,
    grads: Tensor,
    adam: Adam,
}

/// A network that can only be read. libtorch's tensors can be sent to another thread but not
/// borrowed by it: each thread gets a separate reader.
#[derive(Debug)]
pub struct Reader(Network);

impl Reader {
    /// Sets whether the factors of the product between the hidden layers are rounded to bfloat16.
    #[must_use]
    pub fn with_bf16(self, bf16: bool) -> Self {
        Self(self.0.with_bf16(bf16))
    }

    /// Outputs `[S, B, out]` for inputs `[S, B, in]`.
    pub fn predict(&self, x: &Tensor) -> Tensor {
        self.0.predict(x)
    }

    /// The extra parameters stored after the layers, `[S, extra]`.
    pub fn extra(&self) -> Tensor {
        self.0.extra()
    }
}

/// A direction in the space of the parameters, `[S, P]`.
#[derive(Debug)]
pub struct Tangent(pub Tensor);

/// The parameters and the optimiser's state of a network, for checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkState {
    /// Parameters, `[S, P]`, flat.
    pub params: Vec<f32>,
    /// First moment of Adam, `[S, P]`.
    pub first_moment: Vec<f32>,
    /// Second moment of Adam, `[S, P]`.
    pub second_moment: Vec<f32>,
    /// Number of steps of Adam so far.
    pub steps: i64,
}

/// `x W + b` for every seed.
fn affine(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    if x.size()[0] == 1 {
        // One matrix product without the batch dimension is cheaper in libtorch's CPU kernels.
        bias.squeeze_dim(0).addmm(&x.squeeze_dim(0), &weight.squeeze_dim(0)).unsqueeze(0)
    } else {
        bias.baddbmm(x, weight, 1, 1)
    }
}

/// `x W` for every seed.
fn product(x: &Tensor, weight: &Tensor) -> Tensor {
    if x.size()[0] == 1 {
        x.squeeze_dim(0).mm(&weight.squeeze_dim(0)).unsqueeze(0)
    } else {
        x.bmm(weight)
    }
}

/// Writes `a' b` for every seed into `out`, a view of the gradients.
fn product_into(out: &Tensor, a: &Tensor, b: &Tensor) {
    if a.size()[0] == 1 {
        let _ = a.squeeze_dim(0).transpose(0, 1).mm_out(&out.squeeze_dim(0), &b.squeeze_dim(0));
    } else {
        let _ = a.transpose(1, 2).bmm_out(out, b);
    }
}

/// `a b'` for every seed.
fn product_transposed(a: &Tensor, b: &Tensor) -> Tensor {
    if a.size()[0] == 1 {
        a.squeeze_dim(0).mm(&b.squeeze_dim(0).transpose(0, 1)).unsqueeze(0)
    } else {
        a.bmm(&b.transpose(1, 2))
    }
}

fn activate(activation: Activation, mut z: Tensor) -> Hidden {
    match activation {
        Activation::Relu => Hidden { before: None, after: z.relu_() },
        Activation::LeakyRelu => Hidden { before: None, after: z.leaky_relu_() },
        Activation::Tanh => Hidden { before: None, after: z.tanh_() },
        Activation::Silu => {
            let after = z.silu();
            Hidden { before: Some(z), after }
        }
    }
}

/// Returns the gradient by the activation's input, given the gradient by its output.
fn derive(activation: Activation, hidden: &Hidden, gradient: &Tensor) -> Tensor {
    match (activation, &hidden.before) {
        (Activation::Relu, _) => hidden.after.threshold_backward(gradient, 0.0),
        (Activation::LeakyRelu, _) => {
            hidden.after.leaky_relu_backward(gradient, f64::from(LEAKY_SLOPE), true)
        }
        (Activation::Tanh, _) => Tensor::tanh_backward(gradient, &hidden.after),
        (Activation::Silu, Some(before)) => before.silu_backward(gradient),
        (Activation::Silu, None) => unreachable!("SiLU keeps its input"),
    }
}

impl Network {
    /// Returns one network for each generator in `rngs`: orthogonal weights (gain sqrt 2, `head_gain` for the
    /// last layer), zero biases, and `extra` parameters set to `extra_value` after the layers.
    pub fn new<R: Rng>(
        rngs: &mut [R],
        shape: MlpShape,
        activation: Activation,
        head_gain: f32,
        (extra, extra_value): (usize, f32),
        options: AdamOptions,
        device: Device,
    ) -> Self {
        let mut params = Vec::with_capacity(rngs.len() * (shape.params() + extra));
        for rng in &mut *rngs {
            for (layer, (input, output)) in shape.layers().into_iter().enumerate() {
                let gain = if layer == 2 { head_gain } else { std::f32::consts::SQRT_2 };
                params.extend(orthogonal(rng, input, output, gain));
                params.extend(std::iter::repeat_n(0.0, output));
            }
            params.extend(std::iter::repeat_n(extra_value, extra));
        }
        let width = shape.params() + extra;
        let values = Tensor::from_slice(&params).view([rngs.len() as i64, width as i64]);
        let mut params = aligned_rows(rngs.len(), width, device);
        params.copy_(&values);
        let grads = aligned_rows(rngs.len(), width, device);
        let adam = Adam::new(&params, options);
        Self { shape, activation, extra: extra as i64, bf16: false, params, grads, adam }
    }

    /// Sets whether the factors of the product between the hidden layers are rounded to bfloat16, forward and
    /// backward; sums stay in float32. That product is most of the work of wide networks. The narrow first and last
    /// layers, and the values that accumulate over many steps (parameters, moments), stay in float32.
    #[must_use]
    pub fn with_bf16(mut self, bf16: bool) -> Self {
        self.bf16 = bf16;
        self
    }

    /// Sizes of the layers.
    pub fn shape(&self) -> MlpShape {
        self.shape
    }

    /// Activation of the hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Whether the factors of the product between the hidden layers are rounded to bfloat16.
    pub fn bf16(&self) -> bool {
        self.bf16
    }

    /// Number of seeds, S.
    pub fn seeds(&self) -> usize {
        self.params.size()[0] as usize
    }

    /// Weights `[S, in, out]` and bias `[S, 1, out]` of a layer, as views into `store`.
    fn layer(&self, store: &Tensor, layer: usize) -> (Tensor, Tensor) {
        let sizes = self.shape.layers();
        let before: usize = sizes[..layer].iter().map(|(input, output)| (input + 1) * output).sum();
        let (input, output) = (sizes[layer].0 as i64, sizes[layer].1 as i64);
        let (seeds, start) = (store.size()[0], before as i64);
        let weight = store.narrow(1, start, input * output).unflatten(1, [input, output]);
        let bias = store.narrow(1, start + input * output, output).view([seeds, 1, output]);
        (weight, bias)
    }

    /// The extra parameters stored after the layers, `[S, extra]`, as a view.
    pub fn extra(&self) -> Tensor {
        self.params.narrow(1, self.shape.params() as i64, self.extra)
    }

    /// Outputs `[S, B, out]` for inputs `[S, B, in]`, and the cache for the backward pass.
    pub fn forward(&self, x: &Tensor) -> (Tensor, Cache) {
        let [(w1, b1), (w2, b2), (w3, b3)] = [0, 1, 2].map(|i| self.layer(&self.params, i));
        let first = activate(self.activation, affine(x, &w1, &b1));
        let rounded = self.bf16.then(|| Rounded {
            first: first.after.to_kind(Kind::BFloat16),
            weight: w2.to_kind(Kind::BFloat16),
        });
        let before = match &rounded {
            Some(Rounded { first, weight }) => &b2 + product(first, weight),
            None => affine(&first.after, &w2, &b2),
        };
        let second = activate(self.activation, before);
        let y = affine(&second.after, &w3, &b3);
        (y, Cache { x: x.shallow_clone(), first, second, rounded })
    }

    /// Outputs `[S, B, out]` for inputs `[S, B, in]`, without a cache.
    pub fn predict(&self, x: &Tensor) -> Tensor {
        let shards = shards(self.seeds(), self.params.device());
        if let [_] = shards.as_slice() {
            return self.forward(x).0;
        }
        let predict = |shard: &Shard| self.reader(shard).predict(&data_of_shard(x, shard));
        Tensor::cat(&shards.iter().map(predict).collect::<Vec<_>>(), 0)
    }

    /// Returns a reader of a shard's parameters for another thread. The reader shares memory with this network, so it
    /// sees later steps.
    pub fn reader(&self, shard: &Shard) -> Reader {
        let adam = Adam::empty(self.adam.options());
        let (params, grads) = (of_shard(&self.params, shard), of_shard(&self.grads, shard));
        let Self { shape, activation, extra, bf16, .. } = *self;
        Reader(Self { shape, activation, extra, bf16, params, grads, adam })
    }

    /// Returns the network of a shard's seeds, as views: its steps change this network's parameters and moments. Pass it
    /// to [`rejoin`](Self::rejoin) after its steps.
    pub fn shard(&self, shard: &Shard) -> Self {
        let (params, grads) = (of_shard(&self.params, shard), of_shard(&self.grads, shard));
        let Self { shape, activation, extra, bf16, .. } = *self;
        Self { shape, activation, extra, bf16, params, grads, adam: self.adam.shard(shard) }
    }

    /// Copies the number of optimiser steps from a shard; all shards must have made equally many.
    pub fn rejoin(&mut self, shard: &Self) {
        self.adam.steps = shard.adam.steps;
    }

    /// Computes the gradients of all layers from `dy [S, B, out]`, the derivative of the loss by the outputs, and sets
    /// the gradients of the extra parameters to `extra [S, extra]` (zero for `None`).
    pub fn backward(&mut self, cache: &Cache, dy: &Tensor, extra: Option<&Tensor>) {
        let write = |layer: usize, input: &Tensor, gradient: &Tensor| {
            let (weight, bias) = self.layer(&self.grads, layer);
            product_into(&weight, input, gradient);
            let _ = gradient.sum_intlist_out(&bias, &[1i64][..], true, Kind::Float);
        };
        write(2, &cache.second.after, dy);
        let weight = |layer: usize| self.layer(&self.params, layer).0;
        let second = derive(self.activation, &cache.second, &product_transposed(dy, &weight(2)));
        let before = match &cache.rounded {
            Some(rounded) => {
                let gradient = second.to_kind(Kind::BFloat16);
                let (mut slot, bias) = self.layer(&self.grads, 1);
                slot.copy_(&product(&rounded.first.transpose(1, 2), &gradient));
                let _ = second.sum_intlist_out(&bias, &[1i64][..], true, Kind::Float);
                product_transposed(&gradient, &rounded.weight).to_kind(Kind::Float)
            }
            None => {
                write(1, &cache.first.after, &second);
                product_transposed(&second, &weight(1))
            }
        };
        write(0, &cache.x, &derive(self.activation, &cache.first, &before));
        if self.extra > 0 {
            let mut slot = self.grads.narrow(1, self.shape.params() as i64, self.extra);
            match extra {
                Some(extra) => slot.copy_(extra),
                None => drop(slot.zero_()),
            }
        }
    }

    /// Derivative of the outputs, `[S, B, out]`, along `direction [S, P]` in the space of the parameters.
    pub fn tangent(&self, cache: &Cache, direction: &Tangent) -> Tensor {
        let along = |layer: usize, input: &Tensor, moved: Option<&Tensor>| {
            let (weight, _) = self.layer(&self.params, layer);
            let (weight_moved, bias_moved) = self.layer(&direction.0, layer);
            let direct = affine(input, &weight_moved, &bias_moved);
            moved.map_or_else(|| direct.shallow_clone(), |moved| &direct + moved.matmul(&weight))
        };
        let first = derive(self.activation, &cache.first, &along(0, &cache.x, None));
        let second = along(1, &cache.first.after, Some(&first));
        let second = derive(self.activation, &cache.second, &second);
        along(2, &cache.second.after, Some(&second))
    }

    /// Clips the gradient of each seed to a norm of `max_norm`, if given, and makes one step of Adam.
    pub fn step(&mut self, learning_rate: f64, max_norm: Option<f64>) {
        self.adam.step(&mut self.params, &self.grads, learning_rate, max_norm);
    }

    /// Parameters, `[S, P]`.
    pub fn params(&self) -> &Tensor {
        &self.params
    }

    /// Sets the parameters, `[S, P]`.
    pub fn set_params(&mut self, params: &Tensor) {
        self.params.copy_(params);
    }

    /// Converts the network to double precision, for tests with finite differences.
    #[cfg(test)]
    pub(crate) fn widen(&mut self) {
        self.params = self.params.to_kind(Kind::Double);
    }

    /// Gradients of the last backward pass, `[S, P]`.
    pub fn grads(&self) -> &Tensor {
        &self.grads
    }

    /// One seed's parameters on the CPU, `[P]`, laid out as in an image.
    pub fn seed_params(&self, seed: usize) -> Vec<f32> {
        to_vec(&self.params.get(seed as i64))
    }

    /// The state of the network and its optimiser, for checkpoints.
    pub fn state(&self) -> NetworkState {
        NetworkState {
            params: to_vec(&self.params),
            first_moment: to_vec(&self.adam.first_moment),
            second_moment: to_vec(&self.adam.second_moment),
            steps: self.adam.steps,
        }
    }

    /// Restores a saved state. Returns `false`, and changes nothing, if the state has another size.
    #[must_use]
    pub fn restore(&mut self, state: &NetworkState) -> bool {
        let len = self.params.numel();
        if [&state.params, &state.first_moment, &state.second_moment].iter().any(|v| v.len() != len)
        {
            return false;
        }
        let size = self.params.size();
        let put = |target: &mut Tensor, values: &[f32]| {
            target.copy_(&Tensor::from_slice(values).view(&size[..]));
        };
        put(&mut self.params, &state.params);
        put(&mut self.adam.first_moment, &state.first_moment);
        put(&mut self.adam.second_moment, &state.second_moment);
        self.adam.steps = state.steps;
        true
    }
}

/// Copies the numbers of a tensor to the CPU, in row-major order.
#[must_use]
pub fn to_vec(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_device(Device::Cpu).contiguous().view(-1);
    let mut values = vec![0.0; tensor.numel()];
    let len = values.len();
    tensor.copy_data(&mut values, len);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::DynMlp;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    const ACTIVATIONS: [Activation; 4] =
        [Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Silu];

    fn network(seeds: u64, shape: MlpShape, activation: Activation) -> Network {
        let mut rngs: Vec<_> = (0..seeds).map(ChaCha8Rng::seed_from_u64).collect();
        let options = AdamOptions { epsilon: 1e-5 };
        let mut network =
            Network::new(&mut rngs, shape, activation, 0.5, (2, -0.5), options, Device::Cpu);
        // With zero biases, a test would not notice a forgotten bias.
        let _ = network.params.g_add_(&(Tensor::rand_like(&network.params) * 0.1));
        network
    }

    fn close(a: &Tensor, b: &Tensor, tolerance: f64) {
        let difference = (a - b).abs().max().double_value(&[]);
        assert!(difference < tolerance, "{difference}");
    }

    #[test]
    fn gradients_equal_autograds() {
        tch::manual_seed(1);
        for seeds in [1, 3] {
            for activation in ACTIVATIONS {
                let mut network = network(seeds, MlpShape::new(5, 7, 3), activation);
                let x = Tensor::randn([seeds as i64, 11, 5], (Kind::Float, Device::Cpu));
                let target = Tensor::randn([seeds as i64, 11, 3], (Kind::Float, Device::Cpu));
                let (y, cache) = network.forward(&x);
                network.backward(&cache, &(2.0 * (&y - &target)), None);
                let ours = network.grads.copy();

                network.params = network.params.copy().set_requires_grad(true);
                let (w1, b1) = network.layer(&network.params, 0);
                let (w2, b2) = network.layer(&network.params, 1);
                let (w3, b3) = network.layer(&network.params, 2);
                let act = |z: Tensor| match activation {
                    Activation::Relu => z.relu(),
                    Activation::LeakyRelu => z.leaky_relu(),
                    Activation::Tanh => z.tanh(),
                    Activation::Silu => z.silu(),
                };
                let h = act(x.matmul(&w1) + b1);
                let y = act(h.matmul(&w2) + b2).matmul(&w3) + b3;
                let loss = (y - target).square().sum(Kind::Float);
                let autograd = Tensor::run_backward(&[loss], &[&network.params], false, false);
                let scale = autograd[0].abs().max().double_value(&[]);
                close(&ours, &autograd[0], 1e-6 * scale.max(1.0));
            }
        }
    }

    #[test]
    fn a_tangent_is_the_quotient_of_differences() {
        tch::manual_seed(11);
        for activation in ACTIVATIONS {
            let mut network = network(2, MlpShape::new(5, 7, 3), activation);
            // Double precision permits finite differences with a step of 1e-6.
            network.params = network.params.to_kind(Kind::Double);
            let x = Tensor::randn([2, 11, 5], (Kind::Double, Device::Cpu));
            let direction = Tensor::randn_like(&network.params);
            let (_, cache) = network.forward(&x);
            let tangent = network.tangent(&cache, &Tangent(direction.shallow_clone()));
            let at = |step: f64, network: &mut Network| {
                let params = network.params.copy();
                network.params = &params + &direction * step;
                let y = network.forward(&x).0;
                network.params = params;
                y
            };
            let difference = (at(1e-6, &mut network) - at(-1e-6, &mut network)) / 2e-6;
            close(&tangent, &difference, 1e-7);
        }
    }

    #[test]
    fn core_computes_what_libtorch_computes() {
        tch::manual_seed(2);
        for activation in ACTIVATIONS {
            let shape = MlpShape::new(24, 64, 6);
            let network = network(2, shape, activation);
            let x = Tensor::randn([2, 50, 24], (Kind::Float, Device::Cpu));
            let y = network.predict(&x);
            for seed in 0..2 {
                let params = network.seed_params(seed);
                let mlp = DynMlp::new(shape, &params[..shape.params()], activation).unwrap();
                for row in 0..50 {
                    let x = to_vec(&x.get(seed as i64).get(row));
                    let (mut scratch, mut ours) = ([0.0; 128], [0.0; 6]);
                    mlp.forward(&x, &mut scratch, &mut ours);
                    let theirs = to_vec(&y.get(seed as i64).get(row));
                    for (ours, theirs) in ours.iter().zip(&theirs) {
                        assert!((ours - theirs).abs() < 1e-5, "{activation:?}: {ours} {theirs}");
                    }
                }
            }
        }
    }

    #[test]
    fn seeds_do_not_touch_each_other() {
        let shape = MlpShape::new(3, 4, 2);
        let mut together = network(3, shape, Activation::Silu);
        let x = Tensor::randn([3, 9, 3], (Kind::Float, Device::Cpu));
        let start = together.params.copy();
        let (y, cache) = together.forward(&x);
        together.backward(&cache, &y, None);
        together.step(1e-2, Some(0.5));
        for seed in 0..3 {
            let mut alone = network(1, shape, Activation::Silu);
            alone.params.copy_(&start.narrow(0, seed, 1));
            let (y, cache) = alone.forward(&x.narrow(0, seed, 1));
            alone.backward(&cache, &y, None);
            alone.step(1e-2, Some(0.5));
            close(&together.params.get(seed), &alone.params.get(0), 1e-6);
        }
    }

    #[test]
    fn rounded_products_are_those_of_rounded_factors() {
        tch::manual_seed(4);
        for seeds in [1, 2] {
            let mut exact = network(seeds, MlpShape::new(5, 48, 3), Activation::Tanh);
            let mut rounded = network(seeds, MlpShape::new(5, 48, 3), Activation::Tanh);
            rounded.set_params(exact.params());
            rounded = rounded.with_bf16(true);
            let x = Tensor::randn([seeds as i64, 33, 5], (Kind::Float, Device::Cpu));
            let gradient = |network: &mut Network| {
                let (y, cache) = network.forward(&x);
                network.backward(&cache, &y.ones_like(), None);
                (y, network.grads.copy())
            };
            let [(y, grads), (y_rounded, grads_rounded)] = [&mut exact, &mut rounded].map(gradient);
            // 8 bits of mantissa: a relative error of at most 2^-9 per rounding, and three roundings.
            let off = |a: &Tensor, b: &Tensor| ((a - b).norm() / a.norm()).double_value(&[]);
            for difference in [off(&y, &y_rounded), off(&grads, &grads_rounded)] {
                assert!((1e-5..3.0 / 512.0).contains(&difference), "{difference}");
            }
            assert_eq!(y_rounded.kind(), Kind::Float);
        }
    }

    #[test]
    fn a_restored_network_goes_on_bit_for_bit() {
        let shape = MlpShape::new(3, 4, 2);
        let x = Tensor::randn([1, 9, 3], (Kind::Float, Device::Cpu));
        let learn = |network: &mut Network| {
            let (y, cache) = network.forward(&x);
            network.backward(&cache, &y, None);
            network.step(1e-2, None);
        };
        let mut first = network(1, shape, Activation::Tanh);
        learn(&mut first);
        let mut second = network(1, shape, Activation::Tanh);
        assert!(second.restore(&first.state()));
        learn(&mut first);
        learn(&mut second);
        assert_eq!(first.state(), second.state());
        assert!(!network(2, shape, Activation::Tanh).restore(&first.state()));
    }
}
