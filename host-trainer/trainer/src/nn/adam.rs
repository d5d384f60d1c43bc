//! Adam over a flat `[S, P]` tensor of parameters, with state that checkpoints can read and write.
//!
//! Kingma & Ba, Algorithm 1: `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
//! `p -= rate / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + epsilon)`.

use super::{Shard, of_shard};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
/// Prevents a division by zero when a norm is zero, as PyTorch's `clip_grad_norm_` does.
const NORM_EPSILON: f64 = 1e-6;

/// Settings that stay constant during a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamOptions {
    /// Added to the square root of the second moment.
    pub epsilon: f64,
}

/// The optimiser's state: first and second moments, `[S, P]` each, and the number of steps.
#[derive(Debug)]
pub struct Adam {
    pub(super) first_moment: Tensor,
    pub(super) second_moment: Tensor,
    pub(super) steps: i64,
    options: AdamOptions,
}

/// The coefficients of one step, bias corrections included.
#[derive(Clone, Copy)]
struct StepSize {
    rate: f64,
    root_scale: f64,
    epsilon: f64,
}

impl Adam {
    /// Returns an optimiser for `params` before its first step: moments are zero.
    pub fn new(params: &Tensor, options: AdamOptions) -> Self {
        let (first_moment, second_moment) = (params.zeros_like(), params.zeros_like());
        Self { first_moment, second_moment, steps: 0, options }
    }

    pub(super) fn options(&self) -> AdamOptions {
        self.options
    }

    /// Returns the optimiser of a shard's seeds; its moments are views of this optimiser's moments.
    pub(super) fn shard(&self, shard: &Shard) -> Self {
        Self {
            first_moment: of_shard(&self.first_moment, shard),
            second_moment: of_shard(&self.second_moment, shard),
            steps: self.steps,
            options: self.options,
        }
    }

    /// An optimiser without parameters, for networks that are only read.
    pub(super) fn empty(options: AdamOptions) -> Self {
        Self::new(&Tensor::zeros([0], (Kind::Float, Device::Cpu)), options)
    }

    /// Scales the gradient `[S, P]` of each seed to a norm of at most `max_norm`, if given, and updates `params [S, P]`
    /// by one step.
    pub fn step(
        &mut self,
        params: &mut Tensor,
        grads: &Tensor,
        learning_rate: f64,
        max_norm: Option<f64>,
    ) {
        self.steps += 1;
        let correction = |beta: f64| 1.0 - beta.powi(self.steps as i32);
        let size = StepSize {
            rate: learning_rate / correction(BETA_1),
            root_scale: correction(BETA_2).sqrt().recip(),
            epsilon: self.options.epsilon,
        };
        if params.device() == Device::Cpu {
            self.step_in_one_pass(params, grads, size, max_norm);
        } else {
            self.step_by_tensors(params, grads, size, max_norm);
        }
    }

    /// Makes a step in one pass over parameters, gradients and moments: on the CPU, the ten passes of
    /// [`Self::step_by_tensors`] cost more than the gradient of the network.
    fn step_in_one_pass(
        &mut self,
        params: &Tensor,
        grads: &Tensor,
        size: StepSize,
        max_norm: Option<f64>,
    ) {
        for seed in 0..grads.size()[0] {
            let rows =
                [params, &self.first_moment, &self.second_moment].map(|store| store.get(seed));
            let [params, first, second] = rows.each_ref().map(|row| {
                debug_assert!(row.is_contiguous() && row.kind() == Kind::Float);
                // SAFETY: a contiguous f32 tensor on the CPU is `numel` numbers at its data pointer. The
                // three are rows of separate allocations and live as long as `rows`; no other code
                // writes to them during this call.
                unsafe { std::slice::from_raw_parts_mut(row.data_ptr().cast::<f32>(), row.numel()) }
            });
            let row = grads.get(seed);
            debug_assert!(row.is_contiguous() && row.kind() == Kind::Float);
            // SAFETY: as above, and only read.
            let grads =
                unsafe { std::slice::from_raw_parts(row.data_ptr().cast::<f32>(), row.numel()) };
            let scale =
                max_norm.map_or(1.0, |max| (max / (norm(grads) + NORM_EPSILON)).min(1.0)) as f32;
            step_row(params, grads, first, second, (scale, size));
        }
    }

    fn step_by_tensors(
        &mut self,
        params: &mut Tensor,
        grads: &Tensor,
        size: StepSize,
        max_norm: Option<f64>,
    ) {
        let grads = match max_norm {
            Some(max) => {
                let norm = grads.square().sum_dim_intlist(&[1i64][..], true, Kind::Float).sqrt();
                grads * (max * (norm + NORM_EPSILON).reciprocal()).clamp_max(1.0)
            }
            None => grads.shallow_clone(),
        };
        let _ = self.first_moment.lerp_(&grads, 1.0 - BETA_1);
        let _ = self.second_moment.lerp_(&grads.square(), 1.0 - BETA_2);
        let root = self.second_moment.sqrt() * size.root_scale + size.epsilon;
        let _ = params.g_add_(&(&self.first_moment / root * -size.rate));
    }
}

/// Makes one step of one seed, whose gradient is multiplied by `scale`. The result has the same bits at every vector
/// width, because the loop has no sums over elements and Rust never fuses a product with a sum.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn step_row(
    params: &mut [f32],
    grads: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    (scale, size): (f32, StepSize),
) {
    let (b1, b2) = (BETA_1 as f32, BETA_2 as f32);
    let (c1, c2) = ((1.0 - BETA_1) as f32, (1.0 - BETA_2) as f32);
    let (rate, root_scale, epsilon) =
        (size.rate as f32, size.root_scale as f32, size.epsilon as f32);
    for (((p, g), m), v) in params.iter_mut().zip(grads).zip(first).zip(second) {
        let g = g * scale;
        *m = b1 * *m + c1 * g;
        *v = b2 * *v + c2 * (g * g);
        *p -= rate * *m / (v.sqrt() * root_scale + epsilon);
    }
}

/// Number of partial sums in [`norm`]: enough for the widest vectors, and added in one fixed order.
const LANES: usize = 64;

/// The Euclidean norm; equal bits at every vector width.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn norm(values: &[f32]) -> f64 {
    let mut lanes = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|v| v * v).sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    (lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>() + f64::from(rest)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::network::to_vec;

    const OPTIONS: AdamOptions = AdamOptions { epsilon: 1e-5 };

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_sign() {
        let mut params = Tensor::from_slice(&[1.0f32, 2.0, 3.0]).view([1, 3]);
        let grads = Tensor::from_slice(&[0.5f32, -4.0, 0.0]).view([1, 3]);
        Adam::new(&params, OPTIONS).step(&mut params, &grads, 0.1, None);
        for (value, expected) in to_vec(&params).iter().zip([0.9, 2.1, 3.0]) {
            assert!((value - expected).abs() < 1e-5, "{value} {expected}");
        }
    }

    #[test]
    fn one_pass_and_tensors_agree_and_clip_each_seed_by_itself() {
        tch::manual_seed(3);
        let start = Tensor::randn([2, 37], (Kind::Float, Device::Cpu));
        let scale = Tensor::from_slice(&[0.01f32, 5.0]).view([2, 1]);
        let (mut a, mut b) = (start.copy(), start.copy());
        let (mut one_pass, mut tensors) = (Adam::new(&a, OPTIONS), Adam::new(&b, OPTIONS));
        for t in 1..=20 {
            let grads = Tensor::randn([2, 37], (Kind::Float, Device::Cpu)) * &scale;
            one_pass.step(&mut a, &grads, 1e-2, Some(0.5));
            tensors.steps = t;
            let correction = |beta: f64| 1.0 - beta.powi(t as i32);
            let (rate, root_scale) = (1e-2 / correction(BETA_1), correction(BETA_2).sqrt().recip());
            let size = StepSize { rate, root_scale, epsilon: 1e-5 };
            tensors.step_by_tensors(&mut b, &grads, size, Some(0.5));
        }
        assert!((&a - &b).abs().max().double_value(&[]) < 1e-5);
        assert!((&a - &start).abs().min().double_value(&[]) > 0.0);
    }

    #[test]
    fn pytorchs_own_adam_makes_the_same_steps() {
        use tch::nn::{self, OptimizerConfig};
        tch::manual_seed(4);
        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().randn("p", &[1, 23], 0.0, 1.0);
        let mut optimiser =
            nn::Adam { eps: 1e-5, ..nn::Adam::default() }.build(&store, 3e-3).unwrap();
        let mut ours = theirs.detach().copy();
        let mut adam = Adam::new(&ours, OPTIONS);
        for _ in 0..30 {
            let target = Tensor::randn([1, 23], (Kind::Float, Device::Cpu));
            let grads = (&ours - &target) * 2.0;
            adam.step(&mut ours, &grads, 3e-3, None);
            optimiser.backward_step(&(&theirs - &target).square().sum(Kind::Float));
        }
        assert!((&ours - theirs.detach()).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn a_norm_is_the_root_of_the_sum_of_squares() {
        // The sum of squares is n (n + 1) (2 n + 1) / 6; one n is below the number of lanes, one above.
        for (n, squares) in [(11, 506.0f64), (150, 1_136_275.0)] {
            let values: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            assert!((norm(&values) - squares.sqrt()).abs() < 1e-6);
        }
    }
}
