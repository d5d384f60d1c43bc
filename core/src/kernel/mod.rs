//! One affine layer in one fixed order of operations.
//!
//! `y_o = (((b_o + w_0o x_0) + w_1o x_1) + ...)`: inputs in order, each product rounded, then
//! added, never fused. IEEE 754 fixes the result of every step, so the value of `y_o` does not
//! depend on how many outputs are computed side by side. What differs between machines is only the
//! shape of the loop:
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `x` | `[IN]` | inputs |
//! | `weights` | `[IN][OUT]` | input-major: one row of `OUT` weights for each input |
//! | `bias` | `[OUT]` | start of every sum |
//! | `y` | `[OUT]` | outputs |
//!
//! [`affine`] picks the loop that is fast where it runs; feature `asm` adds loops in assembly for the
//! microcontroller. NaN is outside the promise: its sign bit
//! differs between x86-64 and Arm. Inputs are checked by the [guard](crate::guard) before.

pub mod integer;

use crate::activation::LEAKY_SLOPE;

// The assembly is for Armv7E-M with an FPU and no operating system.
cfg_select! {
    all(feature = "asm", target_arch = "arm", target_os = "none", target_abi = "eabihf") => {
        pub mod asm;
        pub(crate) use asm::{integer_hidden, integer_last, leaky_relu, relu};
        #[cfg(not(feature = "asm-vmul"))]
        use asm::affine_vmla as here;
        #[cfg(feature = "asm-vmul")]
        use asm::affine_vmul as here;
    }
    target_arch = "arm" => {
        use affine_blocked as here;
        pub(crate) use integer::{hidden as integer_hidden, last as integer_last};
        pub(crate) use {leaky_relu_each as leaky_relu, relu_each as relu};
    }
    _ => {
        use affine_rows as here;
        pub(crate) use integer::{hidden as integer_hidden, last as integer_last};
        pub(crate) use {leaky_relu_each as leaky_relu, relu_each as relu};
    }
}

/// Writes `bias + weights' x` into `y`, in the order above, with this machine's loop.
///
/// Shapes follow from the slices: `y` has `OUT` elements, `x` has `IN`. Cost: `IN * OUT`
/// multiply-adds.
///
/// Never panics: when `bias` is not `[OUT]` or `weights` is not `[IN][OUT]`, every output is NaN,
/// which the [guard](crate::guard) refuses. [`Mlp`](crate::Mlp) checks the lengths at construction.
#[inline]
pub fn affine(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    here(weights, bias, x, y);
}

/// [`affine`] for a machine with vector registers: four inputs in each pass over all outputs.
pub fn affine_rows(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    let out = y.len();
    if bias.len() != out || weights.len() != x.len() * out {
        return y.fill(f32::NAN);
    }
    y.copy_from_slice(bias);
    if out == 0 {
        return;
    }
    let mut inputs = x.chunks_exact(4);
    let mut blocks = weights.chunks_exact(4 * out);
    for (xs, block) in (&mut inputs).zip(&mut blocks) {
        let (w01, w23) = block.split_at(2 * out);
        let (w0, w1) = w01.split_at(out);
        let (w2, w3) = w23.split_at(out);
        for ((((y, w0), w1), w2), w3) in y.iter_mut().zip(w0).zip(w1).zip(w2).zip(w3) {
            *y = (((*y + w0 * xs[0]) + w1 * xs[1]) + w2 * xs[2]) + w3 * xs[3];
        }
    }
    for (x, row) in inputs.remainder().iter().zip(blocks.remainder().chunks_exact(out)) {
        for (y, w) in y.iter_mut().zip(row) {
            *y += w * x;
        }
    }
}

/// Outputs that [`affine_blocked`] keeps in registers at once. Of a Cortex-M4F's 32 registers the
/// compiler needs ten for weights and inputs: with more than 22 sums it spills them.
const BLOCK: usize = 22;

/// [`affine`] for a machine whose registers hold a block of outputs while the weights stream by.
pub fn affine_blocked(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    let out = y.len();
    if bias.len() != out || weights.len() != x.len() * out {
        return y.fill(f32::NAN);
    }
    if x.is_empty() {
        y.copy_from_slice(bias);
        return;
    }
    let (whole, rest) = y.as_chunks_mut::<BLOCK>();
    let (whole_bias, rest_bias) = bias.as_chunks::<BLOCK>();
    if !whole.is_empty() {
        blocks(weights, out, 0, whole_bias, x, whole);
    }
    let column = out - rest.len();
    // One exact block for the remainder: a loop over single outputs would reload x for each.
    macro_rules! remainder {
        ($($n:literal)*) => {
            match rest.len() {
                $($n => {
                    let (y, bias) = (rest.as_chunks_mut::<$n>().0, rest_bias.as_chunks().0);
                    blocks(weights, out, column, bias, x, y);
                })*
                _ => {}
            }
        };
    }
    remainder!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21);
}

/// Blocks of `B` neighbouring outputs, from `column` on. `stride` is a run-time value on purpose: a
/// constant one makes the compiler unroll over rows and spill the accumulators.
#[inline(never)]
fn blocks<const B: usize>(
    weights: &[f32],
    stride: usize,
    mut column: usize,
    bias: &[[f32; B]],
    x: &[f32],
    y: &mut [[f32; B]],
) {
    // Never so; said once, or the loops below keep a call of a panic that cannot happen.
    let pair = stride.wrapping_mul(2);
    if stride == 0 || pair == 0 {
        return;
    }
    // Two rows in each pass: a row alone spends more on its own address.
    let (pairs, rest) = x.as_chunks::<2>();
    for (y, bias) in y.iter_mut().zip(bias) {
        let mut sums = *bias;
        // Whole rows: their length is known before the loop, so no check is left inside.
        for ([x0, x1], rows) in pairs.iter().zip(weights.chunks_exact(pair)) {
            let Some((w0, w1)) = rows.split_at_checked(stride) else { return };
            add_row(&mut sums, w0, column, x0);
            add_row(&mut sums, w1, column, x1);
        }
        if let ([x], Some(row)) = (rest, weights.rchunks_exact(stride).next()) {
            add_row(&mut sums, row, column, x);
        }
        *y = sums;
        column += B;
    }
}

/// Adds `x` times the `B` weights from `column` on.
#[inline(always)]
fn add_row<const B: usize>(sums: &mut [f32; B], row: &[f32], column: usize, x: &f32) {
    let Some(row) = row.get(column..).and_then(|row| row.first_chunk::<B>()) else { return };
    for (sum, w) in sums.iter_mut().zip(row) {
        *sum += w * x;
    }
}

/// `x` above zero, else `+0`, in place; of a NaN the sign decides.
///
/// The sign is a bit: fetching a comparison's flags from a Cortex-M4F's FPU takes longer than all of
/// this.
#[allow(dead_code, reason = "the assembly has its own")]
pub(crate) fn relu_each(values: &mut [f32]) {
    let relu = |value: f32| {
        let bits = value.to_bits();
        f32::from_bits(bits & !(bits.cast_signed() >> 31).cast_unsigned())
    };
    // Several at once: loads and stores in one instruction.
    let (whole, rest) = values.as_chunks_mut::<4>();
    whole.iter_mut().for_each(|values| *values = values.map(relu));
    rest.iter_mut().for_each(|value| *value = relu(*value));
}

/// `x` above zero, `0.01 x` below, in place; of a NaN the sign decides.
///
/// What is above zero is not written again: on a Cortex-M4F that takes half the instructions of
/// choosing between two floats.
#[allow(dead_code, reason = "the assembly has its own")]
pub(crate) fn leaky_relu_each(values: &mut [f32]) {
    let (whole, rest) = values.as_chunks_mut::<8>();
    for values in whole {
        // All of them before the first is written: fewer instructions load them.
        let bits = values.map(|value| value.to_bits().cast_signed());
        for (value, bits) in values.iter_mut().zip(bits) {
            if bits < 0 {
                core::hint::cold_path(); // Else the compiler chooses without a branch.
                *value *= LEAKY_SLOPE;
            }
        }
    }
    for value in rest {
        if value.to_bits().cast_signed() < 0 {
            *value *= LEAKY_SLOPE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};
    use proptest::prelude::*;
    use std::vec::Vec;

    /// The definition, one output at a time.
    fn reference(weights: &[f32], bias: &[f32], x: &[f32], out: usize) -> Vec<f32> {
        (0..out)
            .map(|o| {
                let mut sum = bias[o];
                for (i, x) in x.iter().enumerate() {
                    sum += weights[i * out + o] * x;
                }
                sum
            })
            .collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    #[test]
    fn two_inputs_three_outputs_by_hand() {
        let weights = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let bias = [0.5, 0.25, -1.0];
        let mut y = [0.0; 3];
        affine(&weights, &bias, &[2.0, -1.0], &mut y);
        assert_eq!(y, [-7.5, -15.75, -25.0]);
    }

    #[test]
    fn a_layer_of_a_wrong_shape_gives_nan_and_no_panic() {
        let (weights, bias, x) = ([1.0; 60], [0.5; 30], [1.0; 2]);
        for affine in [affine_rows, affine_blocked] {
            let mut y = [0.0; 30];
            affine(&weights, &bias, &x, &mut y);
            assert_eq!(y, [2.5; 30]);
            for (weights, bias) in
                [(&weights[..59], &bias[..]), (&weights, &bias[..29]), (&[], &[])]
            {
                let mut y = [0.0; 30];
                affine(weights, bias, &x, &mut y);
                assert!(y.iter().all(|y| y.is_nan()));
            }
        }
    }

    #[test]
    fn the_order_of_operations_is_visible_in_the_bits() {
        // (1e8 + 1) - 1e8 is 0 in single precision; (1e8 - 1e8) + 1 is 1.
        let mut y = [0.0];
        affine(&[1.0, -1.0], &[1e8], &[1.0, 1e8], &mut y);
        assert_eq!(y, [0.0]);
        affine(&[-1.0, 1.0], &[1e8], &[1e8, 1.0], &mut y);
        assert_eq!(y, [1.0]);
        // A fused multiply-add would keep the low half of this product.
        let a = 1.0 + f32::EPSILON;
        affine(&[a], &[-(a * a)], &[a], &mut y);
        assert_eq!(y, [0.0]);
    }

    proptest! {
        #[test]
        fn leaky_relu_by_the_sign_bit_is_that_by_comparison(
            values in prop::collection::vec(any::<u32>(), 0..20),
        ) {
            let edges = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, -f32::from_bits(1)];
            let values: Vec<f32> = values.into_iter().map(f32::from_bits).chain(edges).collect();
            let mut found = values.clone();
            leaky_relu_each(&mut found);
            for (x, found) in values.iter().zip(found) {
                let compared = if *x > 0.0 { *x } else { LEAKY_SLOPE * x };
                prop_assert!(x.is_nan() || found.to_bits() == compared.to_bits());
            }
        }

        #[test]
        fn the_sign_bit_is_the_comparison_with_zero(bits in any::<u32>()) {
            for x in [f32::from_bits(bits), 0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY] {
                let compared: f32 = if x > 0.0 { x } else { 0.0 };
                let mut values = [x];
                relu_each(&mut values);
                prop_assert!(x.is_nan() || values[0].to_bits() == compared.to_bits());
            }
        }

        #[test]
        fn every_loop_gives_the_bits_of_the_definition(
            input in 0usize..40, out in 1usize..70, seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                // Spread over magnitudes, so that the order of additions matters.
                let exponent = ((state >> 60) as i32) - 8;
                ((state >> 40) as f32 / (1u32 << 23) as f32 - 1.0) * libm::exp2f(exponent as f32)
            };
            let weights: Vec<f32> = (0..input * out).map(|_| next()).collect();
            let bias: Vec<f32> = (0..out).map(|_| next()).collect();
            let x: Vec<f32> = (0..input).map(|_| next()).collect();
            let expected = reference(&weights, &bias, &x, out);
            let (mut rows, mut blocked) = (std::vec![0.0; out], std::vec![0.0; out]);
            affine_rows(&weights, &bias, &x, &mut rows);
            affine_blocked(&weights, &bias, &x, &mut blocked);
            // nalgebra is column-major: [in][out] is its OUT x IN matrix.
            let matrix = DMatrix::from_column_slice(out, input, &weights);
            let mut gemv = DVector::from_column_slice(&bias);
            gemv.gemv(1.0, &matrix, &DVector::from_column_slice(&x), 1.0);
            prop_assert_eq!(bits(&rows), bits(&expected));
            prop_assert_eq!(bits(&blocked), bits(&expected));
            if input > 0 {
                prop_assert_eq!(bits(gemv.as_slice()), bits(&expected));
            }
        }
    }
}
