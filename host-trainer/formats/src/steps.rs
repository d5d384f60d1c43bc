//! An imported policy as the steps of its file, before they are folded, padded or rounded. Their results in double
//! precision are compared with those of the image.
//!
//! | field | shape | meaning |
//! |---|---|---|
//! | `weights` | `[inputs][outputs]` | input-major |
//! | element-wise values | `[1]` or `[width]` | one number for all elements, or one for each |

use anyhow::{Result, bail};
use daa_core::math::{Activation, activation};

/// A layer of weights.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// One step from an observation to an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Dense(Dense),
    Function(Activation),
    Shift(Vec<f64>),
    Scale(Vec<f64>),
    Divide(Vec<f64>),
    Clamp { low: Vec<f64>, high: Vec<f64> },
}

/// Element `i` of values that have one number for all elements or one for each.
pub(super) fn element(values: &[f64], i: usize) -> f64 {
    if values.len() == 1 { values[0] } else { values[i] }
}

impl Step {
    /// Appends a step. A shift after a layer becomes part of the layer's bias.
    pub(super) fn push_to(self, steps: &mut Vec<Self>) {
        match (steps.last_mut(), self) {
            (Some(Self::Dense(dense)), Self::Shift(values))
                if values.len() == 1 || values.len() == dense.outputs =>
            {
                for (i, bias) in dense.bias.iter_mut().enumerate() {
                    *bias = (f64::from(*bias) + element(&values, i)) as f32;
                }
            }
            (_, step) => steps.push(step),
        }
    }
}

/// Checks that the width of every step fits the step before, beginning with `inputs`, and returns the last width.
///
/// # Errors
/// Names the step that does not fit.
pub(super) fn check_widths(steps: &[Step], inputs: usize) -> Result<usize> {
    let (mut width, mut layer) = (inputs, 0);
    for step in steps {
        let each = |values: &[f64]| {
            if values.len() == 1 || values.len() == width {
                return Ok(());
            }
            bail!("{} numbers are applied to {width}, behind layer {layer}", values.len());
        };
        match step {
            Step::Dense(dense) => {
                layer += 1;
                if dense.inputs != width {
                    let before = match layer {
                        1 => format!("{width} are observed"),
                        _ => format!("the layer before gives {width}"),
                    };
                    bail!("layer {layer} takes {} numbers, but {before}", dense.inputs);
                }
                width = dense.outputs;
            }
            Step::Function(_) => {}
            Step::Shift(values) | Step::Scale(values) | Step::Divide(values) => each(values)?,
            Step::Clamp { low, high } => {
                each(low)?;
                each(high)?;
            }
        }
    }
    Ok(width)
}

/// Reorders the inputs of a policy to the order of the task: input `j` is observation `order[j]` of the task.
///
/// # Errors
/// When `order` does not name each observation once, or the policy has another number of inputs.
pub(super) fn reorder(steps: &mut [Step], order: &[usize]) -> Result<()> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..order.len()) {
        bail!("an order of {} names each of 0 to {} once", order.len(), order.len().max(1) - 1);
    }
    let moved = |values: &[f64]| -> Result<Vec<f64>> {
        if values.len() == 1 {
            return Ok(values.to_vec());
        }
        if values.len() != order.len() {
            bail!("an order of {} does not fit {} numbers", order.len(), values.len());
        }
        let mut moved = vec![0.0; values.len()];
        order.iter().zip(values).for_each(|(to, value)| moved[*to] = *value);
        Ok(moved)
    };
    for step in steps {
        match step {
            Step::Function(_) => {}
            Step::Shift(values) | Step::Scale(values) | Step::Divide(values) => {
                *values = moved(values)?;
            }
            Step::Clamp { low, high } => (*low, *high) = (moved(low)?, moved(high)?),
            Step::Dense(dense) => {
                if dense.inputs != order.len() {
                    bail!("an order of {} does not fit {} inputs", order.len(), dense.inputs);
                }
                let rows = dense.weights.clone();
                for (to, row) in order.iter().zip(rows.chunks_exact(dense.outputs)) {
                    dense.weights[to * dense.outputs..][..dense.outputs].copy_from_slice(row);
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The steps' result for `x`, in double precision. The widths have been checked.
pub(super) fn compute(steps: &[Step], x: &[f64]) -> Vec<f64> {
    steps.iter().fold(x.to_vec(), |x, step| apply(step, x))
}

fn apply(step: &Step, mut x: Vec<f64>) -> Vec<f64> {
    let mut each = |values: &[f64], operation: fn(f64, f64) -> f64| {
        x.iter_mut().enumerate().for_each(|(i, x)| *x = operation(*x, element(values, i)));
    };
    match step {
        Step::Dense(dense) => {
            let output = |o: usize| {
                let column = dense.weights.iter().skip(o).step_by(dense.outputs);
                let sum: f64 = column.zip(&x).map(|(w, x)| f64::from(*w) * x).sum();
                sum + f64::from(dense.bias[o])
            };
            return (0..dense.outputs).map(output).collect();
        }
        Step::Shift(values) => each(values, |x, value| x + value),
        Step::Scale(values) => each(values, |x, value| x * value),
        Step::Divide(values) => each(values, |x, value| x / value),
        Step::Clamp { low, high } => {
            each(low, f64::max);
            each(high, f64::min);
        }
        Step::Function(function) => {
            let slope = f64::from(activation::LEAKY_SLOPE);
            x.iter_mut().for_each(|x| {
                *x = match function {
                    Activation::Relu => x.max(0.0),
                    Activation::LeakyRelu => x.max(slope * *x),
                    Activation::Tanh => x.tanh(),
                    Activation::Silu => *x / (1.0 + (-*x).exp()),
                }
            });
        }
    }
    x
}
