use super::float::{LEAKY_SLOPE, leaky_relu_each, relu_each};
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
        for (weights, bias) in [(&weights[..59], &bias[..]), (&weights, &bias[..29]), (&[], &[])] {
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
