//! Sizes of networks and vectors, known at compile time or at run time.
//!
//! Every network, policy and model of this crate is one generic type over [`Sizes`]. [`Fixed`] carries
//! the sizes in its type: vectors are arrays, and the compiler knows every length. [`MlpShape`]
//! carries them as values: vectors are slices or [`DynVector`]s. The arithmetic is the same code, so
//! both forms give the same bits.
//!
//! | sizes | network | used by |
//! |---|---|---|
//! | [`Fixed`] | [`Mlp`](crate::Mlp) | the microcontroller |
//! | [`MlpShape`] | [`DynMlp`](crate::DynMlp) | the workstation |

use core::fmt::Debug;
use nalgebra::SVector;

/// Largest number of observation signals of an image.
pub const MAX_OBSERVATIONS: usize = 128;
/// Largest number of actions of an image.
pub const MAX_ACTIONS: usize = 32;
/// Largest hidden width of an image's networks: keeps every length below 2^31 bytes on a 32-bit
/// machine.
pub const MAX_HIDDEN: usize = 4096;

/// A vector whose length is known at run time: at most an observation and an action together.
pub type DynVector = heapless::Vec<f32, { MAX_OBSERVATIONS + MAX_ACTIONS }>;

/// A vector of numbers that is passed by value: an [`SVector`] or a [`DynVector`].
pub trait Vector: Clone + Debug {
    /// The elements.
    fn as_slice(&self) -> &[f32];
    /// The elements, to be changed.
    fn as_mut_slice(&mut self) -> &mut [f32];
}

impl<const N: usize> Vector for SVector<f32, N> {
    #[inline]
    fn as_slice(&self) -> &[f32] {
        self.as_slice()
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [f32] {
        self.as_mut_slice()
    }
}

impl Vector for DynVector {
    fn as_slice(&self) -> &[f32] {
        self.as_slice()
    }

    fn as_mut_slice(&mut self) -> &mut [f32] {
        self.as_mut_slice()
    }
}

/// Sizes of a network with two hidden layers of equal width, as in the paper (Table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MlpShape {
    /// Number of inputs.
    pub input: usize,
    /// Width of both hidden layers.
    pub hidden: usize,
    /// Number of outputs.
    pub output: usize,
}

impl MlpShape {
    /// A shape from its three sizes.
    #[must_use]
    pub const fn new(input: usize, hidden: usize, output: usize) -> Self {
        Self { input, hidden, output }
    }

    /// `(inputs, outputs)` of the three layers.
    #[must_use]
    pub const fn layers(self) -> [(usize, usize); 3] {
        [(self.input, self.hidden), (self.hidden, self.hidden), (self.hidden, self.output)]
    }

    /// Number of parameters.
    ///
    /// ```
    /// use daa_core::MlpShape;
    /// assert_eq!(MlpShape::new(2, 3, 1).params(), (2 * 3 + 3) + (3 * 3 + 3) + (3 * 1 + 1));
    /// ```
    #[must_use]
    pub const fn params(self) -> usize {
        self.multiply_adds() + 2 * self.hidden + self.output
    }

    /// Multiply-adds of one forward pass.
    #[must_use]
    pub const fn multiply_adds(self) -> usize {
        self.input * self.hidden + self.hidden * self.hidden + self.hidden * self.output
    }

    /// Words of the three integer vectors of a network with integer weights: inputs, first and second
    /// hidden layer.
    pub(crate) const fn integer_words(self) -> [usize; 3] {
        let hidden = integer_words(self.hidden);
        [integer_words(self.input), hidden, hidden]
    }
}

/// Words for the integers of `values` inputs or hidden units: two words for every four values.
const fn integer_words(values: usize) -> usize {
    2 * values.div_ceil(4)
}

/// Sizes that are part of the type: `IN` inputs, two hidden layers of `HIDDEN` units, `OUT` outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed<const IN: usize, const HIDDEN: usize, const OUT: usize>;

/// The sizes of a network, and the storage that goes with them: [`Fixed`] or [`MlpShape`].
pub trait Sizes: Copy + Debug {
    /// `[IN]` numbers, passed by value.
    type Input: Vector;
    /// `[OUT]` numbers, passed by value.
    type Output: Vector;
    /// `[IN]` constants that belong to a policy or a model: an array, or a borrowed slice.
    type Inputs<'w, T: Copy + Debug + 'w>: Copy + Debug + AsRef<[T]>;
    /// `[OUT]` constants that belong to a policy or a model: an array, or a borrowed slice.
    type Outputs<'w, T: Copy + Debug + 'w>: Copy + Debug + AsRef<[T]>;

    /// The sizes, as a value.
    fn shape(self) -> MlpShape;
    /// `[IN]` zeros.
    fn input(self) -> Self::Input;
    /// `[OUT]` zeros.
    fn output(self) -> Self::Output;
    /// Lends the room of two hidden layers, `[HIDDEN]` each and of any content, to `run`. The bits of
    /// `seed` are what the room may be filled with.
    fn with_hidden<R>(self, seed: u32, run: impl FnOnce(&mut [f32], &mut [f32]) -> R) -> R;
    /// Lends the room of the integers of the inputs and of two hidden layers to `run`.
    fn with_integers<R>(self, run: impl FnOnce(&mut [u32], &mut [u32], &mut [u32]) -> R) -> R;
}

impl<const IN: usize, const HIDDEN: usize, const OUT: usize> Sizes for Fixed<IN, HIDDEN, OUT> {
    type Input = SVector<f32, IN>;
    type Output = SVector<f32, OUT>;
    type Inputs<'w, T: Copy + Debug + 'w> = [T; IN];
    type Outputs<'w, T: Copy + Debug + 'w> = [T; OUT];

    #[inline]
    fn shape(self) -> MlpShape {
        MlpShape::new(IN, HIDDEN, OUT)
    }

    #[inline]
    fn input(self) -> Self::Input {
        SVector::zeros()
    }

    #[inline]
    fn output(self) -> Self::Output {
        SVector::zeros()
    }

    #[inline]
    fn with_hidden<R>(self, seed: u32, run: impl FnOnce(&mut [f32], &mut [f32]) -> R) -> R {
        // Filled two words at a time, and not with zeros: zeros would become a slower call that clears
        // memory.
        let bits = u64::from(seed);
        let mut room = [bits << 32 | bits; HIDDEN];
        let (first, second) = bytemuck::cast_slice_mut(&mut room).split_at_mut(HIDDEN);
        run(first, second)
    }

    #[inline]
    fn with_integers<R>(self, run: impl FnOnce(&mut [u32], &mut [u32], &mut [u32]) -> R) -> R {
        // Two words for every four inputs would do, but an array's length cannot be a quotient.
        let mut q = [[0; 2]; IN];
        let q = q.as_flattened_mut().get_mut(..integer_words(IN)).unwrap_or_default();
        let mut hidden = [0; HIDDEN];
        let (h1, h2) = hidden.split_at_mut(HIDDEN / 2);
        run(q, h1, h2)
    }
}

/// Vectors by value are [`DynVector`]s: the sizes of any image fit. Longer ones are cut, and a network
/// answers them with NaN.
impl Sizes for MlpShape {
    type Input = DynVector;
    type Output = DynVector;
    type Inputs<'w, T: Copy + Debug + 'w> = &'w [T];
    type Outputs<'w, T: Copy + Debug + 'w> = &'w [T];

    fn shape(self) -> MlpShape {
        self
    }

    fn input(self) -> DynVector {
        zeros(self.input)
    }

    fn output(self) -> DynVector {
        zeros(self.output)
    }

    /// Takes 2 KiB of stack, or 32 KiB for more than 256 hidden units.
    fn with_hidden<R>(self, _seed: u32, run: impl FnOnce(&mut [f32], &mut [f32]) -> R) -> R {
        const NARROW: usize = 256;
        if self.hidden <= NARROW {
            with_room::<NARROW, R>(self.hidden, run)
        } else {
            with_room::<MAX_HIDDEN, R>(self.hidden, run)
        }
    }

    /// Takes 17 KiB of stack, for the widest network of an image.
    fn with_integers<R>(self, run: impl FnOnce(&mut [u32], &mut [u32], &mut [u32]) -> R) -> R {
        const INPUT: usize = integer_words(MAX_OBSERVATIONS + MAX_ACTIONS);
        const HIDDEN: usize = integer_words(MAX_HIDDEN);
        let (mut q, mut h1, mut h2) = ([0; INPUT], [0; HIDDEN], [0; HIDDEN]);
        let [input, hidden, _] = self.integer_words();
        let (input, hidden) = (input.min(INPUT), hidden.min(HIDDEN));
        run(&mut q[..input], &mut h1[..hidden], &mut h2[..hidden])
    }
}

fn with_room<const ROOM: usize, R>(
    hidden: usize,
    run: impl FnOnce(&mut [f32], &mut [f32]) -> R,
) -> R {
    let (mut first, mut second) = ([0.0; ROOM], [0.0; ROOM]);
    let hidden = hidden.min(ROOM);
    run(&mut first[..hidden], &mut second[..hidden])
}

fn zeros(len: usize) -> DynVector {
    core::iter::repeat_n(0.0, len.min(MAX_OBSERVATIONS + MAX_ACTIONS)).collect()
}
