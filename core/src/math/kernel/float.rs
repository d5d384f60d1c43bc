//! Layers of float weights, in plain Rust.

/// Slope of leaky ReLU below zero, as in the paper's released code.
pub const LEAKY_SLOPE: f32 = 0.01;

/// [`affine`](super::affine) for a machine with vector registers: four inputs in each pass over all outputs.
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

/// [`affine`](super::affine) for a machine whose registers hold a block of outputs while the weights are
/// read one after the other.
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
    // Unreachable; the check lets the compiler drop the division-by-zero panic from the loops below.
    let pair = stride.wrapping_mul(2);
    if stride == 0 || pair == 0 {
        return;
    }
    // Two rows in each pass: a row alone spends more on its own address.
    let (pairs, rest) = x.as_chunks::<2>();
    for (y, bias) in y.iter_mut().zip(bias) {
        let mut sums = *bias;
        // Chunks of whole rows: their length is known before the loop, so no check remains inside.
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
/// The sign bit decides: fetching the flags of a comparison from the FPU of a Cortex-M4F takes longer
/// than this whole function.
#[allow(dead_code, reason = "the assembly has its own")]
pub(crate) fn relu_each(values: &mut [f32]) {
    let relu = |value: f32| {
        let bits = value.to_bits();
        f32::from_bits(bits & !(bits.cast_signed() >> 31).cast_unsigned())
    };
    // Four values at once: one instruction loads or stores them.
    let (whole, rest) = values.as_chunks_mut::<4>();
    whole.iter_mut().for_each(|values| *values = values.map(relu));
    rest.iter_mut().for_each(|value| *value = relu(*value));
}

/// `x` above zero, `0.01 x` below, in place; of a NaN the sign decides.
///
/// Positive values are not written again: on a Cortex-M4F this takes half the instructions of a choice
/// between two floats.
#[allow(dead_code, reason = "the assembly has its own")]
pub(crate) fn leaky_relu_each(values: &mut [f32]) {
    let (whole, rest) = values.as_chunks_mut::<8>();
    for values in whole {
        // Load all values before the first is written: this takes fewer load instructions.
        let bits = values.map(|value| value.to_bits().cast_signed());
        for (value, bits) in values.iter_mut().zip(bits) {
            if bits < 0 {
                core::hint::cold_path(); // Otherwise the compiler avoids the branch.
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
