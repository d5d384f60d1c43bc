//! Number of multiplications and additions of a network's matrix products.

use daa_core::MlpShape;

/// Number of floating-point operations of the forward pass of one row.
#[must_use]
pub fn forward_operations(shape: MlpShape) -> f64 {
    shape.layers().iter().map(|(input, output)| 2.0 * (input * output) as f64).sum()
}

/// Number of floating-point operations of the forward and the backward pass of one row. The backward pass computes the
/// gradients of all weights, and of the inputs of all layers except the first.
#[must_use]
pub fn step_operations(shape: MlpShape) -> f64 {
    3.0 * forward_operations(shape) - 2.0 * (shape.layers()[0].0 * shape.layers()[0].1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_layers() {
        // 2 x 3 + 3 x 3 + 3 x 1 = 18 multiply-adds forward; 18 + 12 backward.
        let shape = MlpShape::new(2, 3, 1);
        assert_eq!(forward_operations(shape), 36.0);
        assert_eq!(step_operations(shape), 36.0 + 36.0 + 24.0);
    }
}
