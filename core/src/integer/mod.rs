//! Networks with integer weights: an eighth or a quarter of the time, a quarter or half of the flash.
//!
//! Every output has a scale of its own, sums are integers, and between the layers the sums are brought
//! back to 13 bits by one multiplication. The arithmetic is defined to the bit in
//! `docs/image-format.md` and `kernel::integer`; [`quantise`] makes such a network of floats.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `words` | `[WORDS]` | inverse unit of the inputs (f32), then the three layers' streams |
//! | `z` | `[IN]` | inputs, floats |
//! | `q`, `h1`, `h2` | `[IN]`, `[HIDDEN]` | integers of 13 bits, two a word |
//! | `y` | `[OUT]` | outputs, floats, no activation on the last layer |

mod quantise;

pub use quantise::{Limits, quantise};

use crate::guard::limit;
use crate::kernel::{integer, integer_hidden, integer_last};
use crate::Activation;
use crate::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use nalgebra::SVector;

/// Type of a policy's weights. The discriminants are part of the image format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum WeightType {
    /// Floats: the trainer's own bits.
    #[default]
    F32 = 0,
    /// Eight bits: a quarter of the flash.
    I8 = 1,
    /// Sixteen bits: the fastest.
    I16 = 2,
}

impl WeightType {
    /// The type with this number in an image, or `None` for an unknown one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::F32),
            1 => Some(Self::I8),
            2 => Some(Self::I16),
            _ => None,
        }
    }

    /// Largest magnitude of a weight.
    const fn largest(self) -> i32 {
        match self {
            Self::I8 => 127,
            _ => 32_767,
        }
    }
}

/// Why there is no such integer network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IntegerError {
    /// Floats are no integer weights.
    Floats,
    /// Integer weights go with ReLU and leaky ReLU.
    Activation,
    /// The hidden width is not a multiple of four.
    Width,
    /// The words, or the floats to be quantised, are not as many as the shape has.
    WrongLength {
        /// As many as the shape has.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
    /// A sum could overflow.
    Overflow {
        /// Layer, from 0.
        layer: usize,
        /// Index of the output.
        output: usize,
    },
    /// A unit or multiplier is not positive and finite, or a number to be quantised is not finite.
    Unit,
}

impl core::fmt::Display for IntegerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Floats => write!(f, "f32 is no type of integer weights: use i8 or i16"),
            Self::Activation => write!(f, "integer weights need relu or leaky_relu: use f32"),
            Self::Width => write!(f, "integer weights need a hidden width that is a multiple of 4"),
            Self::WrongLength { expected, found } => {
                write!(f, "the integer network has {expected} numbers, but {found} were given")
            }
            Self::Overflow { layer, output } => {
                write!(f, "output {output} of integer layer {layer} could overflow")
            }
            Self::Unit => write!(f, "a unit of the integer network is not positive and finite"),
        }
    }
}

impl core::error::Error for IntegerError {}

/// Words of a layer's stream.
const fn layer_words(weights: WeightType, input: usize, output: usize) -> usize {
    let groups = input.div_ceil(4);
    match weights {
        WeightType::I8 => output * (2 + groups),
        _ => output * (2 + 2 * groups),
    }
}

/// Words of a whole network.
#[must_use]
pub const fn network_words(weights: WeightType, shape: MlpShape) -> usize {
    let [(i1, o1), (i2, o2), (i3, o3)] = shape.layers();
    1 + layer_words(weights, i1, o1) + layer_words(weights, i2, o2) + layer_words(weights, i3, o3)
}

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

/// Writes `z * inverse_unit`, rounded to the nearest integer, ties to even, within `-4095..=4095`.
fn integers(z: &[f32], inverse_unit: f32, q: &mut [u32]) {
    // From here to the next power of two, floats are whole: adding rounds, the low bits are the sum.
    const WHOLE: f32 = 12_582_912.0;
    const LARGEST: f32 = integer::LARGEST as f32;
    let integer = |z: &f32| {
        let scaled = limit(z * inverse_unit, -LARGEST, LARGEST);
        (scaled + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits()) & 0xFFFF
    };
    q.fill(0);
    let (pairs, rest) = z.as_chunks::<2>();
    for (q, [low, high]) in q.iter_mut().zip(pairs) {
        *q = integer(low) | integer(high) << 16;
    }
    if let (Some(q), [low]) = (q.get_mut(pairs.len()), rest) {
        *q = integer(low);
    }
}

#[cfg(test)]
mod tests;
