use super::network::integers;
use super::*;
use crate::math::{Activation, DynMlp, MlpShape, WeightType};
use proptest::prelude::*;
use std::vec::Vec;

const SHAPE: MlpShape = MlpShape::new(5, 12, 3);
const LIMITS: Limits = Limits { input: 2.0, hidden: [4.0, 8.0] };

fn weights(shape: MlpShape, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..shape.params()).map(|_| 0.5 * next()).collect()
}

fn words(shape: MlpShape, kind: WeightType, activation: Activation, weights: &[f32]) -> Vec<u32> {
    let mut words = std::vec![0; network_words(kind, shape)];
    quantise(shape, kind, activation, weights, &LIMITS, &mut words).unwrap();
    words
}

fn forward(network: &DynIntegerMlp<'_>, z: &[f32]) -> Vec<f32> {
    // Garbage in the scratch must not matter.
    let mut scratch = std::vec![0xDEAD_BEEF; DynIntegerMlp::scratch_words(network.shape())];
    let mut y = std::vec![0.0; network.shape().output];
    network.forward(z, &mut scratch, &mut y);
    y
}

#[test]
fn inputs_are_rounded_to_even_and_limited() {
    let mut q = [7; 4];
    integers(&[0.5, 1.5, -0.5, -1.5, 9e9], 1.0, &mut q);
    let halves: Vec<i16> = q.iter().flat_map(|word| [*word as i16, (*word >> 16) as i16]).collect();
    assert_eq!(halves, [0, 2, 0, -2, 4095, 0, 0, 0]);
}

#[test]
fn a_network_of_one_weight_a_layer_by_hand() {
    // y = 0.25 relu(relu(z * 1 + 0) * 1 + 1), the other three hidden units are zero.
    let shape = MlpShape::new(1, 4, 1);
    let mut weights = std::vec![0.0; shape.params()];
    (weights[0], weights[8], weights[24], weights[28]) = (1.0, 1.0, 1.0, 0.25);
    for kind in [WeightType::I8, WeightType::I16] {
        let words = words(shape, kind, Activation::Relu, &weights);
        let network = DynIntegerMlp::new(shape, kind, Activation::Relu, &words).unwrap();
        for (z, expected) in [(1.0, 0.5), (-3.0, 0.25), (2.0, 0.75)] {
            let y = forward(&network, &[z])[0];
            assert!((y - expected).abs() < 2e-3, "{kind:?}: {z} gives {y}");
        }
    }
}

/// One unit of the input's inverse, and a quarter as the multiplier of every hidden unit.
const ONE: u32 = 0x3F80_0000;
const QUARTER: u32 = 0x4000_0000;

/// 3-4-2 by the specification, word by word. From input to output, rows are inputs:
///
/// ```text
/// W1  1  2 -3  4   b1   1 -2  0 100
///     5 -6  7  8
///    -9 10 11 12
/// W2  9  9  9  9   b2   0  0  0   5
///     1  0 -1  2
///     0  3  1 -4
///     1 -1  0  0
/// W3  1 -2         b3  10 -1        units 1/2, 1/4
///     3  3
///    -5  6
///     7 -8
/// ```
#[rustfmt::skip]
const BYTES: [u32; 31] = [
    ONE,
    1, 0xFFFF_FFFE, 0, 100,
    0x0005_F701, 0x00FA_0A02, 0x0007_0BFD, 0x0008_0C04,
    QUARTER, QUARTER, QUARTER, QUARTER,
    0, 0, 0, 5,
    0x0101_0009, 0xFF00_0309, 0x00FF_0109, 0x0002_FC09,
    QUARTER, QUARTER, QUARTER, QUARTER,
    10, 0xFFFF_FFFF, 0x0703_FB01, 0xF803_06FE, 0x3F00_0000, 0x3E80_0000,
];
#[rustfmt::skip]
const HALVES: [u32; 41] = [
    ONE,
    1, 0xFFFF_FFFE, 0, 100,
    0x0005_0001, 0xFFFA_0002, 0x0007_FFFD, 0x0008_0004,
    0x0000_FFF7, 0x0000_000A, 0x0000_000B, 0x0000_000C,
    QUARTER, QUARTER, QUARTER, QUARTER,
    0, 0, 0, 5,
    0x0001_0009, 0x0000_0009, 0xFFFF_0009, 0x0002_0009,
    0x0001_0000, 0xFFFF_0003, 0x0000_0001, 0x0000_FFFC,
    QUARTER, QUARTER, QUARTER, QUARTER,
    10, 0xFFFF_FFFF, 0x0003_0001, 0x0003_FFFE, 0x0007_FFFB, 0xFFF8_0006, 0x3F00_0000, 0x3E80_0000,
];

#[test]
fn words_written_by_hand_are_read_as_specified() {
    let shape = MlpShape::new(3, 4, 2);
    let read = |kind, words: &[u32]| {
        let network = DynIntegerMlp::new(shape, kind, Activation::Relu, words).unwrap();
        forward(&network, &[4.0, -2.0, 3.0])
    };
    // Sums -32, 48, 7, 136: quarters rounded, and no less than zero, are 0, 12, 2, 34. Then 46, -28, -10, 21:
    // 12, 0, 0, 5. Then 57 halves and -65 quarters.
    let expected = [28.5, -16.25];
    assert_eq!(read(WeightType::I8, &BYTES), expected);
    assert_eq!(read(WeightType::I16, &HALVES), expected);
    // The control: the square layer transposed is another network.
    let (mut bytes, mut halves) = (BYTES, HALVES);
    bytes[17..21].copy_from_slice(&[0x0909_0909, 0x0200_FF01, 0xFC03_0100, 0x00FF_0001]);
    halves[21..29].copy_from_slice(&[
        0x0009_0009,
        0x0000_0001,
        0x0003_0000,
        0xFFFF_0001, //
        0x0009_0009,
        0x0002_FFFF,
        0xFFFC_0001,
        0x0000_0000,
    ]);
    // 9 (12 + 2 + 34) = 432, 66, -134, -7: 108, 17, 0, 0. Then 10 + 108 + 51 and -1 - 216 + 51.
    let transposed = [84.5, -41.5];
    assert_eq!(read(WeightType::I8, &bytes), transposed);
    assert_eq!(read(WeightType::I16, &halves), transposed);
}

proptest! {
    #[test]
    fn integers_are_near_the_floats(seed in any::<u32>(), z in prop::array::uniform5(-1.5f32..1.5)) {
        let weights = weights(SHAPE, seed);
        for activation in [Activation::Relu, Activation::LeakyRelu] {
            let float = DynMlp::new(SHAPE, &weights, activation).unwrap();
            let mut expected = [0.0; 3];
            float.forward(&z, &mut [0.0; 24], &mut expected);
            for (kind, bound) in [(WeightType::I8, 0.12), (WeightType::I16, 0.02)] {
                let words = words(SHAPE, kind, activation, &weights);
                let network = DynIntegerMlp::new(SHAPE, kind, activation, &words).unwrap();
                for (y, expected) in forward(&network, &z).iter().zip(expected) {
                    prop_assert!((y - expected).abs() < bound, "{kind:?} {activation:?}: {y} {expected}");
                }
            }
        }
    }

    #[test]
    fn no_words_can_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 1..6)) {
        let mut words = words(SHAPE, WeightType::I8, Activation::Relu, &weights(SHAPE, 1));
        for (index, value) in edits {
            let at = index.index(words.len());
            words[at] = value;
        }
        if let Ok(network) = DynIntegerMlp::new(SHAPE, WeightType::I8, Activation::Relu, &words) {
            prop_assert!(forward(&network, &[1e30, -1e30, 0.0, 1.0, 2.0]).iter().all(|y| !y.is_nan()));
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let good = words(SHAPE, WeightType::I16, Activation::Relu, &weights(SHAPE, 1));
    let open = |words: &[u32]| {
        DynIntegerMlp::new(SHAPE, WeightType::I16, Activation::Relu, words).map(|_| ())
    };
    assert_eq!(open(&good), Ok(()));
    let (expected, found) = (good.len(), good.len() - 1);
    assert_eq!(open(&good[1..]), Err(IntegerError::WrongLength { expected, found }));
    let edited = |at: usize, value: u32| {
        let mut words = good.clone();
        words[at] = value;
        open(&words)
    };
    assert_eq!(edited(0, f32::NAN.to_bits()), Err(IntegerError::Unit));
    assert_eq!(edited(0, 0), Err(IntegerError::Unit));
    // The second bias of the first layer at the end of the range: one step of any weight overflows.
    assert_eq!(edited(2, i32::MAX as u32), Err(IntegerError::Overflow { layer: 0, output: 1 }));
    assert_eq!(edited(good.len() - 1, (-1f32).to_bits()), Err(IntegerError::Unit));
    // Behind four biases and four rows (eight inputs of which five exist) of four: a multiplier.
    assert_eq!(edited(1 + 4 + 16, 1 << 31), Err(IntegerError::Unit));
    let new =
        |shape, activation| DynIntegerMlp::new(shape, WeightType::I8, activation, &[]).unwrap_err();
    assert_eq!(new(SHAPE, Activation::Tanh), IntegerError::Activation);
    assert_eq!(new(MlpShape::new(2, 6, 1), Activation::Relu), IntegerError::Width);
    let mut bad = weights(SHAPE, 1);
    bad[7] = f32::INFINITY;
    let mut words = std::vec![0; good.len()];
    let refused = quantise(SHAPE, WeightType::I16, Activation::Relu, &bad, &LIMITS, &mut words);
    assert_eq!(refused, Err(IntegerError::Unit));
    let refused =
        quantise(SHAPE, WeightType::I16, Activation::Relu, &bad[1..], &LIMITS, &mut words);
    let (expected, found) = (SHAPE.params(), SHAPE.params() - 1);
    assert_eq!(refused, Err(IntegerError::WrongLength { expected, found }));
    let floats = DynIntegerMlp::new(SHAPE, WeightType::F32, Activation::Relu, &words).unwrap_err();
    assert_eq!(floats, IntegerError::Floats);
    let refused = quantise(SHAPE, WeightType::F32, Activation::Relu, &bad, &LIMITS, &mut words);
    assert_eq!(refused, Err(IntegerError::Floats));
}

#[test]
fn inputs_or_outputs_of_another_number_give_nan() {
    let words = words(SHAPE, WeightType::I8, Activation::Relu, &weights(SHAPE, 1));
    let network = DynIntegerMlp::new(SHAPE, WeightType::I8, Activation::Relu, &words).unwrap();
    let mut scratch = std::vec![0; DynIntegerMlp::scratch_words(SHAPE)];
    for (inputs, outputs, wrong) in [(5, 3, false), (4, 3, true), (6, 3, true), (5, 2, true)] {
        let mut y = std::vec![0.0; outputs];
        network.forward(&[0.5; 6][..inputs], &mut scratch, &mut y);
        assert!(y.iter().all(|y| y.is_nan() == wrong), "{inputs} inputs, {outputs} outputs: {y:?}");
    }
}

#[test]
fn wide_layers_and_large_biases_do_not_overflow() {
    let shape = MlpShape::new(128, 512, 32);
    let mut large = weights(shape, 3);
    large[128 * 512] = 1e6;
    for kind in [WeightType::I8, WeightType::I16] {
        let words = words(shape, kind, Activation::LeakyRelu, &large);
        assert!(DynIntegerMlp::new(shape, kind, Activation::LeakyRelu, &words).is_ok());
    }
}
