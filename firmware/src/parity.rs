//! A workload whose bits are compared between machines.
//!
//! The workload computes layers of many sizes with activations and hashes the outputs. The self-test runs it
//! on the microcontroller; a test on the workstation includes this file, runs it there and compares the
//! hashes. The code does not depend on the machine.

use daa_core::math::WeightType;
use daa_core::math::integer::{DynIntegerMlp, Limits, network_words, quantise};
use daa_core::math::kernel::{affine, affine_blocked, affine_rows};
use daa_core::{Activation, MlpShape};

/// Input widths: below, at and above the four rows that the workstation's loop computes at once.
const INPUTS: [usize; 9] = [1, 2, 3, 4, 5, 6, 17, 33, 40];
/// Output widths from 1 to this: every remainder of the blocks of 22 in Rust, three times, and of those
/// of 16 in assembly, four times.
const MAX_OUTPUTS: usize = 66;
const MAX_INPUTS: usize = 40;

/// The result of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parity {
    /// Number of layers, and of integer networks.
    pub layers: u32,
    /// Hash of the bits of all outputs, in order.
    pub hash: u64,
}

/// A layer whose loops do not give the bits of the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Inputs of the layer.
    pub inputs: usize,
    /// Outputs of the layer.
    pub outputs: usize,
}

/// Numbers of both signs over 16 powers of two, so that the order of additions changes the bits.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (self.0 >> 32) as u32;
        let exponent = 119 + (random >> 27 & 15);
        f32::from_bits(random & 0x8000_0000 | exponent << 23 | random & 0x007F_FFFF)
    }

    fn fill(&mut self, numbers: &mut [f32]) {
        numbers.iter_mut().for_each(|number| *number = self.next());
    }
}

/// Every step is a bijection of the hash, and every bit of a value reaches every bit of it.
fn mix(hash: u64, values: &[f32]) -> u64 {
    values.iter().fold(hash, |hash, value| {
        let hash = (hash ^ u64::from(value.to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^ hash >> 29
    })
}

/// The definition of a layer: `y_o = (((b_o + w_0o x_0) + w_1o x_1) + ...)`.
fn definition(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    let outputs = y.len();
    for (o, y) in y.iter_mut().enumerate() {
        *y = bias[o];
        for (i, x) in x.iter().enumerate() {
            *y += weights[i * outputs + o] * x;
        }
    }
}

fn equal(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Computes every layer with all loops and by the definition.
///
/// # Errors
/// The first [`Mismatch`] between them.
pub fn run() -> Result<Parity, Mismatch> {
    let mut numbers = Numbers(2022);
    let mut weights = [0.0; MAX_INPUTS * MAX_OUTPUTS];
    let (mut bias, mut x) = ([0.0; MAX_OUTPUTS], [0.0; MAX_INPUTS]);
    let mut results = [[0.0; MAX_OUTPUTS]; 4];
    let mut parity = Parity { layers: 0, hash: 0 };
    for inputs in INPUTS {
        for outputs in 1..=MAX_OUTPUTS {
            let weights = &mut weights[..inputs * outputs];
            let (bias, x) = (&mut bias[..outputs], &mut x[..inputs]);
            numbers.fill(weights);
            numbers.fill(bias);
            numbers.fill(x);
            let [defined, blocked, rows, chosen] =
                results.each_mut().map(|result| &mut result[..outputs]);
            definition(weights, bias, x, defined);
            affine_blocked(weights, bias, x, blocked);
            affine_rows(weights, bias, x, rows);
            // With feature `asm` on the chip, `affine` is the loop in assembly.
            affine(weights, bias, x, chosen);
            if ![&*blocked, &*rows, &*chosen].iter().all(|result| equal(defined, result)) {
                return Err(Mismatch { inputs, outputs });
            }
            // Negative control: the comparison notices one wrong sum.
            bias[outputs - 1] = -bias[outputs - 1];
            affine(weights, bias, x, chosen);
            if equal(defined, chosen) {
                return Err(Mismatch { inputs, outputs });
            }
            parity.hash = mix(parity.hash, defined);
            for activation in
                [Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Silu]
            {
                blocked.copy_from_slice(defined);
                activation.apply(blocked);
                parity.hash = mix(parity.hash, blocked);
            }
            parity.layers += 1;
        }
    }
    integers(&mut numbers, &mut parity);
    Ok(parity)
}

/// Computes integer networks: every remainder of the blocks of four outputs and four inputs.
fn integers(numbers: &mut Numbers, parity: &mut Parity) {
    const LARGEST: MlpShape = MlpShape::new(MAX_INPUTS, 20, 9);
    let mut weights = [0.0; LARGEST.params()];
    let mut words = [0; network_words(WeightType::I16, LARGEST)];
    let mut scratch = [0; DynIntegerMlp::scratch_words(LARGEST)];
    let (mut z, mut y) = ([0.0; MAX_INPUTS], [0.0; 9]);
    for (inputs, hidden) in INPUTS.into_iter().flat_map(|i| [4, 8, 20].map(|h| (i, h))) {
        for outputs in 1..=9 {
            let shape = MlpShape::new(inputs, hidden, outputs);
            let (weights, z) = (&mut weights[..shape.params()], &mut z[..inputs]);
            numbers.fill(weights);
            numbers.fill(z);
            for kind in [WeightType::I8, WeightType::I16] {
                for activation in [Activation::Relu, Activation::LeakyRelu] {
                    // The limits are small, so that some integers reach them.
                    let limits = Limits { input: 20.0, hidden: [400.0, 8000.0] };
                    let words = &mut words[..network_words(kind, shape)];
                    let y = &mut y[..outputs];
                    y.fill(0.0);
                    let made = quantise(shape, kind, activation, weights, &limits, words);
                    if let (Ok(()), Ok(network)) =
                        (made, DynIntegerMlp::new(shape, kind, activation, words))
                    {
                        network.forward(z, &mut scratch, y);
                        parity.layers += 1;
                    }
                    parity.hash = mix(parity.hash, y);
                }
            }
        }
    }
}
