//! Networks with two hidden layers, over borrowed weights.
//!
//! The parameters of a network lie in one flat slice, layer after layer, `[in][out]` weights and
//! then `[out]` biases. That slice may be a file in memory, a row of the trainer's parameters, or
//! flash: weights are not copied.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `weights` | `[PARAMS]` | `W1 [IN][HIDDEN], b1 [HIDDEN], W2 [HIDDEN][HIDDEN], b2, W3 [HIDDEN][OUT], b3 [OUT]` |
//! | `x` | `[IN]` | inputs |
//! | `y` | `[OUT]` | outputs, no activation on the last layer |

use super::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use super::{Activation, kernel};
use nalgebra::SVector;

/// Why a network cannot be built over a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MlpError {
    /// The slice does not hold as many parameters as the shape has.
    WrongLength {
        /// Parameters the shape has.
        expected: usize,
        /// Parameters in the slice.
        found: usize,
    },
}

impl core::fmt::Display for MlpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongLength { expected, found } => {
                write!(f, "the network has {expected} parameters, but {found} were given")
            }
        }
    }
}

impl core::error::Error for MlpError {}

/// `split_at` without a panic in it: the constructors have checked the length.
#[inline]
fn cut(weights: &[f32], len: usize) -> (&[f32], &[f32]) {
    weights.split_at_checked(len).unwrap_or((&[], &[]))
}

/// A network with sizes `S` over borrowed weights: [`Mlp`] or [`DynMlp`].
#[derive(Clone, Copy, Debug)]
pub struct MlpInner<'w, S> {
    sizes: S,
    weights: &'w [f32],
    activation: Activation,
}

/// A network whose sizes are known at compile time: the microcontroller's view.
///
/// ```
/// use daa_core::{Activation, Mlp, SVector};
/// // One input, one hidden unit, one output: y = 3 relu(2 relu(x + 1) + 0) - 1.
/// let weights = [1.0, 1.0, 2.0, 0.0, 3.0, -1.0];
/// let mlp = Mlp::<1, 1, 1>::new(&weights, Activation::Relu)?;
/// assert_eq!(mlp.forward(&SVector::from([4.0])), SVector::from([29.0]));
/// # Ok::<(), daa_core::math::mlp::MlpError>(())
/// ```
pub type Mlp<'w, const IN: usize, const HIDDEN: usize, const OUT: usize> =
    MlpInner<'w, Fixed<IN, HIDDEN, OUT>>;

/// A network whose sizes are known only at run time: the workstation's view.
///
/// ```
/// use daa_core::{Activation, DynMlp, MlpShape};
/// let weights = [1.0, 1.0, 2.0, 0.0, 3.0, -1.0];
/// let mlp = DynMlp::new(MlpShape::new(1, 1, 1), &weights, Activation::Relu)?;
/// let mut y = [0.0];
/// mlp.forward(&[4.0], &mut [0.0; 2], &mut y);
/// assert_eq!(y, [29.0]);
/// # Ok::<(), daa_core::math::mlp::MlpError>(())
/// ```
pub type DynMlp<'w> = MlpInner<'w, MlpShape>;

impl<'w, S: Sizes> MlpInner<'w, S> {
    fn over(sizes: S, weights: &'w [f32], activation: Activation) -> Result<Self, MlpError> {
        let (expected, found) = (sizes.shape().params(), weights.len());
        if expected == found {
            Ok(Self { sizes, weights, activation })
        } else {
            Err(MlpError::WrongLength { expected, found })
        }
    }

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
        let x = x.as_slice();
        let mut y = self.sizes.output();
        let seed = x.first().map_or(0, |x| x.to_bits());
        self.sizes
            .with_hidden(seed, |first, second| self.run(x, (first, second), y.as_mut_slice()));
        y
    }

    /// The forward pass. The lengths of the weights were checked by the constructor.
    #[inline]
    fn run(&self, x: &[f32], (first, second): (&mut [f32], &mut [f32]), y: &mut [f32]) {
        let shape = self.sizes.shape();
        let (w1, rest) = cut(self.weights, shape.input * shape.hidden);
        let (b1, rest) = cut(rest, shape.hidden);
        let (w2, rest) = cut(rest, shape.hidden * shape.hidden);
        let (b2, rest) = cut(rest, shape.hidden);
        let (w3, b3) = cut(rest, shape.hidden * shape.output);
        kernel::affine(w1, b1, x, first);
        self.activation.apply(first);
        kernel::affine(w2, b2, first, second);
        self.activation.apply(second);
        kernel::affine(w3, b3, second, y);
    }
}

impl<'w, const IN: usize, const HIDDEN: usize, const OUT: usize> Mlp<'w, IN, HIDDEN, OUT> {
    /// The sizes, as a value.
    pub const SHAPE: MlpShape = MlpShape::new(IN, HIDDEN, OUT);
    /// Number of parameters.
    pub const PARAMS: usize = Self::SHAPE.params();

    /// A network over `weights`, which are not copied.
    ///
    /// # Errors
    /// [`MlpError::WrongLength`] when the slice is not `[PARAMS]`.
    pub fn new(weights: &'w [f32], activation: Activation) -> Result<Self, MlpError> {
        const {
            assert!(
                IN > 0 && HIDDEN > 0 && OUT > 0,
                "a network has inputs, hidden units and outputs"
            )
        };
        Self::over(Fixed, weights, activation)
    }

    /// The outputs for one input vector. Never panics. Cost: [`MlpShape::multiply_adds`].
    #[must_use]
    pub fn forward(&self, x: &SVector<f32, IN>) -> SVector<f32, OUT> {
        self.outputs(x)
    }

    /// [`forward`](Self::forward) with the caller's room for the hidden layers, of any content: a
    /// caller that computes often need not clear the room each time.
    #[must_use]
    pub fn forward_in(
        &self,
        x: &SVector<f32, IN>,
        [first, second]: &mut [[f32; HIDDEN]; 2],
    ) -> SVector<f32, OUT> {
        let mut y = SVector::<f32, OUT>::zeros();
        self.run(x.as_slice(), (first, second), y.as_mut_slice());
        y
    }
}

impl<'w> DynMlp<'w> {
    /// A network of this shape over `weights`, which are not copied.
    ///
    /// # Errors
    /// [`MlpError::WrongLength`] when the slice does not hold the shape's parameters.
    pub fn new(
        shape: MlpShape,
        weights: &'w [f32],
        activation: Activation,
    ) -> Result<Self, MlpError> {
        Self::over(shape, weights, activation)
    }

    /// Writes the outputs for the inputs `x` into `y`, using `scratch` for the hidden layers.
    ///
    /// # Panics
    /// When `scratch` is shorter than `2 * hidden`. Other slices of wrong lengths give NaN.
    pub fn forward(&self, x: &[f32], scratch: &mut [f32], y: &mut [f32]) {
        let (first, rest) = scratch.split_at_mut(self.sizes.hidden);
        self.run(x, (first, &mut rest[..self.sizes.hidden]), y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A non-square, asymmetric network: a transposed or shifted layer changes every output.
    fn weights() -> std::vec::Vec<f32> {
        (0..MlpShape::new(2, 3, 4).params()).map(|i| (i as f32 - 9.0) / 8.0).collect()
    }

    #[test]
    fn both_forms_agree_in_bits() {
        let weights = weights();
        let fixed = Mlp::<2, 3, 4>::new(&weights, Activation::Tanh).unwrap();
        let slice = DynMlp::new(MlpShape::new(2, 3, 4), &weights, Activation::Tanh).unwrap();
        let x = SVector::from([0.3, -1.7]);
        let mut y = [0.0; 4];
        slice.forward(x.as_slice(), &mut [0.0; 6], &mut y);
        assert_eq!(fixed.forward(&x).as_slice(), y);
    }

    #[test]
    fn a_hand_computed_network() {
        // h1 = relu([1, 2] W1 + b1) with W1 = [[1, 0, -1], [0, 1, 1]], b1 = [0, 1, 0] = [1, 3, 1]
        // h2 = relu(h1 W2) with W2 = rows [1, 1, 0], [0, -1, 1], [2, 0, 0], b2 = 0 = [3, 0, 3]
        // y = h2 W3 + b3 with W3 = column [2, 5, -1], b3 = 0.5 = 3.5
        #[rustfmt::skip]
        let weights = [
            1.0, 0.0, -1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0,
            1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            2.0, 5.0, -1.0, 0.5,
        ];
        let mlp = Mlp::<2, 3, 1>::new(&weights, Activation::Relu).unwrap();
        assert_eq!(mlp.forward(&SVector::from([1.0, 2.0]))[0], 3.5);
    }

    #[test]
    fn a_slice_of_another_length_is_refused() {
        let weights = weights();
        let error = Mlp::<2, 3, 4>::new(&weights[1..], Activation::Relu).unwrap_err();
        assert_eq!(error, MlpError::WrongLength { expected: 37, found: 36 });
        assert!(DynMlp::new(MlpShape::new(2, 3, 5), &weights, Activation::Relu).is_err());
    }
}
