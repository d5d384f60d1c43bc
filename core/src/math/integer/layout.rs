//! Lengths of the words of an integer network.

use crate::math::WeightType;
use crate::math::sizes::MlpShape;

/// Words of a layer's stream.
pub(super) const fn layer_words(weights: WeightType, input: usize, output: usize) -> usize {
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
