//! Layers of integer weights: the definition, in plain Rust.
//!
//! A layer is a stream of 32-bit words that is read once from front to back. The outputs are grouped in
//! blocks of four; the last block may be smaller (`B` outputs):
//!
//! | words | meaning |
//! |---|---|
//! | `B` | biases, `i32`: the initial sums |
//! | for every four inputs: `2 B` (i16) | `w_0, w_1` of each output, low half first, then `w_2, w_3` |
//! | or: `B` (i8) | `w_0, w_2, w_1, w_3` of each output, lowest byte first |
//! | `B` | factors: `i32` multipliers in a hidden layer, `f32` units in the last |
//!
//! Inputs are `i16` in `-4096..=4095`, two a word, padded with zero weights to a multiple of four.
//! Sums are `i32` and do not overflow, which is checked when a network is opened. The order of integer
//! additions does not matter: every machine and every loop gives the same bits.

use crate::math::WeightType;

/// Outputs of one block: the registers of a microcontroller hold four sums beside weights and inputs.
pub const BLOCK: usize = 4;
/// `0.01 * 2^32`, the slope of leaky ReLU below zero.
pub const SLOPE: i32 = 42_949_673;
/// Largest integer of an input or a hidden unit.
pub const LARGEST: i32 = 4095;

/// `a * b / 2^32`, rounded to the nearest integer, halves up: the instruction SMMULR.
#[must_use]
#[inline]
pub fn scale(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b) + (1 << 31)) >> 32) as i32
}

/// Low and high half of a word.
#[inline]
fn halves(word: u32) -> [i32; 2] {
    [i32::from(word as i16), i32::from((word >> 16) as i16)]
}

#[inline]
fn add(sum: &mut i32, weights: [i32; 2], x: [i32; 2]) {
    let product = weights[0].wrapping_mul(x[0]).wrapping_add(weights[1].wrapping_mul(x[1]));
    *sum = sum.wrapping_add(product);
}

/// Words of the weights of one output.
#[inline]
pub(crate) fn weight_words(weights: WeightType, x: &[u32]) -> usize {
    match weights {
        WeightType::I8 => x.len() / 2,
        _ => x.len(),
    }
}

/// The sums of a block and its factors; empty when the stream is too short.
#[inline(always)]
fn block<'w, const B: usize, const I8: bool>(
    stream: &mut &'w [u32],
    x: &[u32],
) -> ([i32; B], &'w [u32]) {
    let weights = if I8 { WeightType::I8 } else { WeightType::I16 };
    let len = B * (2 + weight_words(weights, x));
    let (block, rest) = stream.split_at_checked(len).unwrap_or_default();
    *stream = rest;
    let Some((bias, rest)) = block.split_first_chunk::<B>() else { return ([0; B], &[]) };
    let mut sums = bias.map(u32::cast_signed);
    let (rows, factors) = rest.split_at(rest.len() - B);
    let rows = rows.as_chunks::<B>().0;
    if I8 {
        for (row, x) in rows.iter().zip(x.as_chunks::<2>().0) {
            let (x01, x23) = (halves(x[0]), halves(x[1]));
            for (sum, word) in sums.iter_mut().zip(row) {
                let [w0, w2, w1, w3] = word.to_le_bytes().map(|byte| i32::from(byte as i8));
                add(sum, [w0, w1], x01);
                add(sum, [w2, w3], x23);
            }
        }
    } else {
        // Rows come in pairs, for four inputs.
        for ([row01, row23], x) in rows.as_chunks::<2>().0.iter().zip(x.as_chunks::<2>().0) {
            let (x01, x23) = (halves(x[0]), halves(x[1]));
            for ((sum, word01), word23) in sums.iter_mut().zip(row01).zip(row23) {
                add(sum, halves(*word01), x01);
                add(sum, halves(*word23), x23);
            }
        }
    }
    (sums, factors)
}

/// A hidden layer: writes `activation(sum) * multiplier / 2^32`, limited to 13 bits (with ReLU to
/// `0..=4095`), two outputs a word. `y` has one word for every two outputs, an even number of them.
pub fn hidden(weights: WeightType, leaky: bool, stream: &[u32], x: &[u32], y: &mut [u32]) {
    // One loop for each case: inside a loop the choice would be made for every block.
    match (weights == WeightType::I8, leaky) {
        (true, false) => hidden_of::<true, false>(stream, x, y),
        (true, true) => hidden_of::<true, true>(stream, x, y),
        (false, false) => hidden_of::<false, false>(stream, x, y),
        (false, true) => hidden_of::<false, true>(stream, x, y),
    }
}

fn hidden_of<const I8: bool, const LEAKY: bool>(mut stream: &[u32], x: &[u32], y: &mut [u32]) {
    for y in y.as_chunks_mut::<2>().0 {
        let (sums, factors) = block::<BLOCK, I8>(&mut stream, x);
        let mut outputs = [0; BLOCK];
        for ((output, sum), factor) in outputs.iter_mut().zip(sums).zip(factors) {
            let sum = if LEAKY && sum < 0 { scale(sum, SLOPE) } else { sum };
            let low = if LEAKY { -LARGEST - 1 } else { 0 };
            *output = scale(sum, factor.cast_signed()).clamp(low, LARGEST) as u32 & 0xFFFF;
        }
        let [y0, y1, y2, y3] = outputs;
        *y = [y0 | y1 << 16, y2 | y3 << 16];
    }
}

/// The last layer: writes `sum as f32 * unit`; a stream shorter than the layer gives NaN there, which the
/// guards refuse.
pub fn last(weights: WeightType, mut stream: &[u32], x: &[u32], y: &mut [f32]) {
    fn one<const B: usize>(weights: WeightType, stream: &mut &[u32], x: &[u32], y: &mut [f32]) {
        let (sums, units) = match weights {
            WeightType::I8 => block::<B, true>(stream, x),
            _ => block::<B, false>(stream, x),
        };
        if units.len() < y.len() {
            return y.fill(f32::NAN);
        }
        for ((y, sum), unit) in y.iter_mut().zip(sums).zip(units) {
            *y = sum as f32 * f32::from_bits(*unit);
        }
    }
    for y in y.chunks_mut(BLOCK) {
        match y.len() {
            1 => one::<1>(weights, &mut stream, x, y),
            2 => one::<2>(weights, &mut stream, x, y),
            3 => one::<3>(weights, &mut stream, x, y),
            _ => one::<4>(weights, &mut stream, x, y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_rounds_halves_up() {
        // 2^31 / 2^32 is one half.
        assert_eq!([3, 1, -1, -3].map(|a| scale(a, 1 << 30)), [1, 0, 0, -1]);
        assert_eq!(scale(2, 1 << 30), 1);
        assert_eq!(scale(-2, 1 << 30), 0);
        // -2^62 + 2^31: a half above -2^30.
        assert_eq!(scale(i32::MIN, i32::MAX), -(1 << 30) + 1);
        assert_eq!(scale(-1000, SLOPE), -10);
    }

    #[test]
    fn a_layer_by_hand() {
        // Inputs 1, -2, 3, -4; one output with weights 10, 20, -30, 40 and bias 5:
        // 5 + 10 - 40 - 90 - 160 = -275, times the unit 0.5.
        let x = [1 | 0xFFFE << 16, 3 | 0xFFFC << 16];
        let half = 0.5f32.to_bits();
        let bytes = u32::from_le_bytes([10, (-30i8) as u8, 20, 40]);
        let mut y = [0.0];
        last(WeightType::I8, &[5, bytes, half], &x, &mut y);
        assert_eq!(y, [-137.5]);
        let words = [10 | 20 << 16, u32::from((-30i16) as u16) | 40 << 16];
        last(WeightType::I16, &[5, words[0], words[1], half], &x, &mut y);
        assert_eq!(y, [-137.5]);
        // A stream that ends too early.
        last(WeightType::I16, &[5, words[0], words[1]], &x, &mut y);
        assert!(y[0].is_nan());
        // A hidden layer of four outputs with no weights and biases 300, -300, 10^9, -10^9, a half.
        let stream = |bias: [i32; 4]| {
            let mut stream = [0u32; 16];
            stream[..4].copy_from_slice(&bias.map(i32::cast_unsigned));
            stream[12..].fill(i32::MAX.cast_unsigned());
            stream
        };
        let mut y = [0; 2];
        hidden(
            WeightType::I16,
            false,
            &stream([300, -300, 1_000_000_000, -1_000_000_000]),
            &x,
            &mut y,
        );
        assert_eq!(y, [150, 4095]);
        hidden(
            WeightType::I16,
            true,
            &stream([300, -300, 1_000_000_000, -1_000_000_000]),
            &x,
            &mut y,
        );
        // -300 becomes -3 and then -1.5, which rounds up to -1; the last is limited.
        assert_eq!(y, [150 | 0xFFFF << 16, 4095 | 0xF000 << 16]);
    }
}
