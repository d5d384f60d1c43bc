//! Integer networks over borrowed words.

use super::error::IntegerError;
use super::layout::{layer_words, network_words};
use crate::math::kernel::{integer, integer_hidden, integer_last};
use crate::math::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use crate::math::{Activation, WeightType, limit};
use nalgebra::SVector;

/// A network with integer weights and sizes `S`, over borrowed words: [`IntegerMlp`] or
/// [`DynIntegerMlp`].
#[derive(Clone, Copy, Debug)]
pub struct IntegerMlpInner<'w, S> {
    sizes: S,
    weights: WeightType,
    leaky: bool,
    words: &'w [u32],
}

/// A network with integer weights whose sizes are known at compile time: the microcontroller's view.
pub type IntegerMlp<'w, const IN: usize, const HIDDEN: usize, const OUT: usize> =
    IntegerMlpInner<'w, Fixed<IN, HIDDEN, OUT>>;

/// A network with integer weights whose sizes are known only at run time: the workstation's view.
pub type DynIntegerMlp<'w> = IntegerMlpInner<'w, MlpShape>;

impl<'w, S: Sizes> IntegerMlpInner<'w, S> {
    /// The sizes: in the type, or as values.
    #[must_use]
    #[inline]
    pub fn sizes(&self) -> S {
        self.sizes
    }

    /// The sizes, as a value.
    #[must_use]
    #[inline]
    pub fn shape(&self) -> MlpShape {
        self.sizes.shape()
    }

    /// The outputs for one input vector. Never panics: a vector of another length gives NaN. Cost:
    /// [`MlpShape::multiply_adds`].
    #[must_use]
    #[inline]
    pub fn outputs(&self, x: &S::Input) -> S::Output {
        let mut y = self.sizes.output();
        if x.as_slice().len() != self.shape().input {
            y.as_mut_slice().fill(f32::NAN);
            return y;
        }
        self.sizes.with_integers(|q, h1, h2| {
            self.with_dyn_sizes().run(x.as_slice(), (q, h1, h2), y.as_mut_slice());
        });
        y
    }

    /// The same network with its sizes as values, so that the code of the layers exists once.
    fn with_dyn_sizes(&self) -> DynIntegerMlp<'w> {
        let Self { sizes, weights, leaky, words } = *self;
        IntegerMlpInner { sizes: sizes.shape(), weights, leaky, words }
    }
}

impl<'w, const IN: usize, const HIDDEN: usize, const OUT: usize> IntegerMlp<'w, IN, HIDDEN, OUT> {
    /// The sizes, as a value.
    pub const SHAPE: MlpShape = MlpShape::new(IN, HIDDEN, OUT);

    /// A network over `words`, after a check of every sum and every unit.
    ///
    /// # Errors
    /// [`IntegerError`].
    pub fn new(
        weights: WeightType,
        activation: Activation,
        words: &'w [u32],
    ) -> Result<Self, IntegerError> {
        let network = DynIntegerMlp::new(Self::SHAPE, weights, activation, words)?;
        Ok(Self { sizes: Fixed, weights, leaky: network.leaky, words })
    }

    /// The outputs for one input vector. Never panics. Cost: [`MlpShape::multiply_adds`].
    #[must_use]
    pub fn forward(&self, x: &SVector<f32, IN>) -> SVector<f32, OUT> {
        self.outputs(x)
    }
}

impl<'w> DynIntegerMlp<'w> {
    /// A network of this shape over `words`, after a check of every sum and every unit.
    ///
    /// # Errors
    /// [`IntegerError`].
    pub fn new(
        shape: MlpShape,
        weights: WeightType,
        activation: Activation,
        words: &'w [u32],
    ) -> Result<Self, IntegerError> {
        let leaky = match activation {
            Activation::Relu => false,
            Activation::LeakyRelu => true,
            _ => return Err(IntegerError::Activation),
        };
        if weights == WeightType::F32 {
            return Err(IntegerError::Floats);
        }
        if !shape.hidden.is_multiple_of(4) {
            return Err(IntegerError::Width);
        }
        let (expected, found) = (network_words(weights, shape), words.len());
        if expected != found {
            return Err(IntegerError::WrongLength { expected, found });
        }
        let network = Self { sizes: shape, weights, leaky, words };
        let inverse = network.inverse_unit();
        if !(inverse.is_finite() && inverse > 0.0) {
            return Err(IntegerError::Unit);
        }
        for (layer, stream) in network.streams().into_iter().enumerate() {
            network.check(layer, stream)?;
        }
        Ok(network)
    }

    /// Checks that no input can overflow a sum, and that every factor is positive.
    fn check(&self, layer: usize, stream: &[u32]) -> Result<(), IntegerError> {
        let (input, output) = self.sizes.layers()[layer];
        let per_output = layer_words(self.weights, input, 1);
        for (block, stream) in stream.chunks(integer::BLOCK * per_output).enumerate() {
            let width = stream.len() / per_output;
            for index in 0..width {
                let mut numbers = stream.iter().skip(index).step_by(width);
                let bias = numbers.next().map_or(0, |bias| bias.cast_signed().unsigned_abs());
                let factor = numbers.next_back().copied().unwrap_or(0);
                let magnitudes = numbers.map(|word| self.magnitude(*word)).sum::<u64>();
                let largest = u64::from(bias) + magnitudes * (integer::LARGEST as u64 + 1);
                let output_index = block * integer::BLOCK + index;
                if largest > i32::MAX as u64 && output_index < output {
                    return Err(IntegerError::Overflow { layer, output: output_index });
                }
                let (unit, multiplier) = (f32::from_bits(factor), factor.cast_signed());
                let sound =
                    if layer == 2 { unit.is_finite() && unit > 0.0 } else { multiplier >= 0 };
                if !sound {
                    return Err(IntegerError::Unit);
                }
            }
        }
        Ok(())
    }

    /// Sum of the magnitudes of a word's weights.
    fn magnitude(&self, word: u32) -> u64 {
        match self.weights {
            WeightType::I8 => {
                word.to_le_bytes().iter().map(|b| u64::from((*b as i8).unsigned_abs())).sum()
            }
            _ => {
                let (low, high) = (word as i16, (word >> 16) as i16);
                u64::from(low.unsigned_abs()) + u64::from(high.unsigned_abs())
            }
        }
    }

    fn inverse_unit(&self) -> f32 {
        f32::from_bits(self.words.first().copied().unwrap_or(0))
    }

    /// The words of the three layers.
    fn streams(&self) -> [&'w [u32]; 3] {
        let mut rest = self.words.get(1..).unwrap_or(&[]);
        self.sizes.layers().map(|(input, output)| {
            let len = layer_words(self.weights, input, output);
            let (stream, more) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            rest = more;
            stream
        })
    }

    /// Words of scratch that [`forward`](Self::forward) needs.
    #[must_use]
    pub const fn scratch_words(shape: MlpShape) -> usize {
        let [input, first, second] = shape.integer_words();
        input + first + second
    }

    /// Writes the outputs for the inputs `x` into `y`; NaN, which the guard refuses, when `x` or `y` has
    /// another length than the shape. Cost: [`MlpShape::multiply_adds`].
    ///
    /// # Panics
    /// When `scratch` is shorter than [`scratch_words`](Self::scratch_words).
    pub fn forward(&self, x: &[f32], scratch: &mut [u32], y: &mut [f32]) {
        if x.len() != self.sizes.input || y.len() != self.sizes.output {
            return y.fill(f32::NAN);
        }
        let [input, first, second] = self.sizes.integer_words();
        let (q, rest) = scratch.split_at_mut(input);
        let (h1, rest) = rest.split_at_mut(first);
        self.run(x, (q, h1, &mut rest[..second]), y);
    }

    /// The forward pass. The number of words was checked by the constructor.
    fn run(&self, x: &[f32], (q, h1, h2): (&mut [u32], &mut [u32], &mut [u32]), y: &mut [f32]) {
        integers(x, self.inverse_unit(), q);
        let [first, second, third] = self.streams();
        integer_hidden(self.weights, self.leaky, first, q, h1);
        integer_hidden(self.weights, self.leaky, second, h1, h2);
        integer_last(self.weights, third, h2, y);
    }
}

/// Writes `x * inverse_unit`, rounded to the nearest integer, ties to even, within `-4095..=4095`.
pub(super) fn integers(x: &[f32], inverse_unit: f32, q: &mut [u32]) {
    // From this number to the next power of two, floats are integers: the addition rounds, and the low bits
    // are the integer.
    const WHOLE: f32 = 12_582_912.0;
    const LARGEST: f32 = integer::LARGEST as f32;
    let integer = |x: &f32| {
        let scaled = limit(x * inverse_unit, -LARGEST, LARGEST);
        (scaled + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits()) & 0xFFFF
    };
    q.fill(0);
    let (pairs, rest) = x.as_chunks::<2>();
    for (q, [low, high]) in q.iter_mut().zip(pairs) {
        *q = integer(low) | integer(high) << 16;
    }
    if let (Some(q), [low]) = (q.get_mut(pairs.len()), rest) {
        *q = integer(low);
    }
}
