//! The layers of a network of an image, from which all exported formats are made.
//!
//! | field | shape | meaning |
//! |---|---|---|
//! | `weights` | `[inputs][outputs]` | input-major |
//! | `bias` | `[outputs]` | |

use daa_core::MlpShape;

/// One borrowed layer of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layer<'a> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weights: &'a [f32],
    pub(super) bias: &'a [f32],
}

/// The three layers of a network.
///
/// # Panics
/// When `params` is shorter than the shape requires. The sections of a checked image are not.
pub(super) fn layers(shape: MlpShape, params: &[f32]) -> [Layer<'_>; 3] {
    let mut rest = params;
    shape.layers().map(|(inputs, outputs)| {
        let (weights, tail) = rest.split_at(inputs * outputs);
        let (bias, tail) = tail.split_at(outputs);
        rest = tail;
        Layer { inputs, outputs, weights, bias }
    })
}

impl Layer<'_> {
    /// `[outputs][inputs]`: the order of PyTorch.
    pub(super) fn transposed(&self) -> Vec<f32> {
        let columns = 0..self.outputs;
        columns.flat_map(|o| self.weights.iter().skip(o).step_by(self.outputs)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_two_inputs_and_three_outputs_is_transposed() {
        let params: Vec<f32> = (0..MlpShape::new(2, 3, 1).params()).map(|i| i as f32).collect();
        let [first, second, third] = layers(MlpShape::new(2, 3, 1), &params);
        assert_eq!(first.transposed(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(first.bias, [6.0, 7.0, 8.0]);
        assert_eq!((second.inputs, second.outputs, second.bias), (3, 3, &[18.0, 19.0, 20.0][..]));
        assert_eq!((third.weights, third.bias), (&[21.0, 22.0, 23.0][..], &[24.0][..]));
    }
}
