//! Quantisation: an integer network from float weights. The workstation uses it; it would run on the
//! microcontroller too.

use super::error::IntegerError;
use super::layout::network_words;
use super::network::DynIntegerMlp;
use crate::math::kernel::integer::{BLOCK, LARGEST};
use crate::math::sizes::MlpShape;
use crate::math::{Activation, WeightType};

/// Largest magnitudes of inputs and hidden units: larger values are limited to them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Largest magnitude of the inputs.
    pub input: f32,
    /// Largest magnitudes of the first and of the second hidden layer, after the activation.
    pub hidden: [f32; 2],
}

/// Writes `weights` (in an image's order, `[in][out]`) as a network of integers into `words`, which has
/// [`network_words`] of them.
///
/// Each output's scale is the finest with which its largest weight fits and its sum cannot overflow.
///
/// # Errors
/// [`IntegerError`]: when the network cannot have integer weights, or numbers are not finite.
pub fn quantise(
    shape: MlpShape,
    kind: WeightType,
    activation: Activation,
    weights: &[f32],
    limits: &Limits,
    words: &mut [u32],
) -> Result<(), IntegerError> {
    if kind == WeightType::F32 {
        return Err(IntegerError::Floats);
    }
    let lengths = [(network_words(kind, shape), words.len()), (shape.params(), weights.len())];
    for (expected, found) in lengths {
        if expected != found {
            return Err(IntegerError::WrongLength { expected, found });
        }
    }
    let bounds = [limits.input, limits.hidden[0], limits.hidden[1]];
    if weights.iter().any(|w| !w.is_finite()) || bounds.iter().any(|b| !(b.is_finite() && *b > 0.0))
    {
        return Err(IntegerError::Unit);
    }
    let (first, mut streams) = words.split_at_mut(1);
    let inverse = LARGEST as f32 / limits.input;
    first[0] = inverse.to_bits();
    // The value of the integer 1 in the layer's inputs, then in its outputs.
    let mut unit = 1.0 / f64::from(inverse);
    let mut rest = weights;
    for (layer, (input, output)) in shape.layers().into_iter().enumerate() {
        let (matrix, more) = rest.split_at(input * output);
        let (bias, more) = more.split_at(output);
        rest = more;
        let float = Float { matrix, bias, output, input_unit: unit, kind };
        let next = limits.hidden.get(layer).map(|limit| {
            // A multiplier is below a half: no single step of a sum is more than half an output.
            let coarsest = (0..output).map(|o| float.sum_unit(o)).fold(0.0, f64::max);
            (f64::from(*limit) / f64::from(LARGEST)).max(2.001 * coarsest)
        });
        let mut column = 0;
        while column < output {
            let width = BLOCK.min(output - column);
            streams = float.block(column, width, next, streams);
            column += width;
        }
        unit = next.unwrap_or(unit);
    }
    DynIntegerMlp::new(shape, kind, activation, words).map(|_| ())
}

/// A layer of float weights.
struct Float<'a> {
    matrix: &'a [f32],
    bias: &'a [f32],
    output: usize,
    input_unit: f64,
    kind: WeightType,
}

impl Float<'_> {
    fn weight(&self, input: usize, output: usize) -> f64 {
        self.matrix.get(input * self.output + output).map_or(0.0, |w| f64::from(*w))
    }

    fn inputs(&self) -> usize {
        self.matrix.len() / self.output
    }

    /// The value of the integer 1 in an output's sum.
    fn sum_unit(&self, output: usize) -> f64 {
        let column = || (0..self.inputs()).map(|i| self.weight(i, output).abs());
        let bias = f64::from(self.bias[output]).abs();
        let mut unit = column().fold(0.0, f64::max) / f64::from(self.kind.largest());
        // No input may overflow the sum; half of each weight's step is for rounding.
        let room = f64::from(i32::MAX) - 1.0;
        let reach = f64::from(LARGEST + 1);
        let rounding = 0.5 * self.inputs() as f64 * reach + 1.0;
        let needed = (column().sum::<f64>() * reach + bias / self.input_unit) / (room - rounding);
        unit = unit.max(needed);
        // Without weights and bias every unit is right.
        self.input_unit * if unit > 0.0 { unit } else { 1.0 }
    }

    /// Writes one block and returns the words after it.
    fn block<'w>(
        &self,
        column: usize,
        width: usize,
        next: Option<f64>,
        words: &'w mut [u32],
    ) -> &'w mut [u32] {
        let groups = self.inputs().div_ceil(4);
        let rows = if self.kind == WeightType::I8 { groups } else { 2 * groups };
        let (block, rest) = words.split_at_mut(width * (2 + rows));
        for index in 0..width {
            let output = column + index;
            let unit = self.sum_unit(output);
            let integer = |input: usize| {
                libm::round(self.weight(input, output) * self.input_unit / unit) as i32
            };
            block[index] =
                (libm::round(f64::from(self.bias[output]) / unit) as i32).cast_unsigned();
            for row in 0..rows {
                block[width * (1 + row) + index] = if self.kind == WeightType::I8 {
                    let i = 4 * row;
                    let bytes = [i, i + 2, i + 1, i + 3].map(|i| integer(i) as i8 as u8);
                    u32::from_le_bytes(bytes)
                } else {
                    let [low, high] = [2 * row, 2 * row + 1].map(|i| integer(i) as u32 & 0xFFFF);
                    low | high << 16
                };
            }
            block[width * (1 + rows) + index] = match next {
                Some(next) => libm::round(unit / next * 4_294_967_296.0) as u32,
                None => (unit as f32).to_bits(),
            };
        }
        rest
    }
}
