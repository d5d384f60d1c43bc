//! The steps of a graph from an observation to an action, followed backwards from the output.

use super::read::{Graph, Node, Tensor};
use crate::steps::{Dense, Step};
use anyhow::{Context, Result, bail};
use daa_core::math::{Activation, activation};

/// Largest number of nodes between a constant and its use; a longer chain counts as a cycle.
const DEPTH: usize = 16;

/// The steps that lead to `output`; without a name, to the first output.
///
/// # Errors
/// Names the operator that is not part of a policy with two hidden layers.
pub(crate) fn chain(graph: &Graph<'_>, output: Option<&str>) -> Result<Vec<Step>> {
    let outputs = || graph.outputs.join(", ");
    let mut at = match output {
        Some(name) if graph.outputs.contains(&name) => name,
        Some(name) => bail!("there is no output {name}, only {}", outputs()),
        None => graph.outputs.first().context("the graph has no output")?,
    };
    let mut backwards = Vec::new();
    // Every pass follows another node, or the graph has a cycle.
    for _ in 0..=graph.nodes.len() {
        if graph.inputs.contains(at) {
            let mut steps = Vec::new();
            backwards.into_iter().rev().for_each(|step: Step| step.push_to(&mut steps));
            return Ok(steps);
        }
        let node = graph.producer(at).with_context(|| format!("no node computes {at}"))?;
        let (before, step) =
            step(graph, node).with_context(|| format!("operator {} of {at}", node.operator))?;
        backwards.extend(step);
        at = before;
    }
    bail!("the graph has a cycle")
}

/// `log_std` of a file that this program wrote.
pub(crate) fn log_std(graph: &Graph<'_>) -> Option<Vec<f32>> {
    let values = graph.metadata.get("log_std")?.split(',').map(|value| value.parse().ok());
    values.collect()
}

/// The numbers of a constant with its shape.
struct Constant {
    dims: Vec<usize>,
    values: Vec<f64>,
}

impl Constant {
    fn of(tensor: &Tensor<'_>) -> Result<Self> {
        Ok(Self { dims: tensor.dims.clone(), values: tensor.values()? })
    }

    /// The numbers as a vector; a leading dimension of 1 is the batch's.
    fn into_elements(self) -> Result<Vec<f64>> {
        let batch = self.dims.len().saturating_sub(1);
        if self.values.is_empty() || self.dims.iter().take(batch).any(|dim| *dim != 1) {
            bail!("a constant of shape {:?} is not a vector", self.dims);
        }
        Ok(self.values)
    }
}

/// The constant `name`; none where the value depends on the observation.
fn constant(graph: &Graph<'_>, name: &str, depth: usize) -> Result<Option<Constant>> {
    if let Some(tensor) = graph.constants.get(name) {
        return Constant::of(tensor).map(Some);
    }
    let Some(node) = graph.producer(name) else { return Ok(None) };
    let first = *node.inputs.first().unwrap_or(&"");
    if depth == 0 {
        bail!("the graph has a cycle");
    }
    match node.operator {
        "Constant" => {
            let tensor = node.attributes.get("value").and_then(|a| a.tensor.as_ref());
            let scalar = node.attributes.get("value_float").and_then(|a| a.float);
            match (tensor, scalar) {
                (Some(tensor), _) => Constant::of(tensor).map(Some),
                (None, Some(value)) => {
                    Ok(Some(Constant { dims: Vec::new(), values: vec![f64::from(value)] }))
                }
                (None, None) => bail!("constant {name} is not a tensor of floats"),
            }
        }
        "Identity" | "Cast" => constant(graph, first, depth - 1),
        "Transpose" => {
            let Some(given) = constant(graph, first, depth - 1)? else { return Ok(None) };
            let [rows, columns] = given.dims[..] else {
                bail!("constant {name} is transposed and is not a matrix");
            };
            Ok(Some(Constant {
                dims: vec![columns, rows],
                values: transposed(&given.values, rows, columns),
            }))
        }
        _ => Ok(None),
    }
}

/// `[columns][rows]` of `[rows][columns]`.
fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

/// The steps of a node, and the name of its input that depends on the observation.
fn step<'a>(graph: &Graph<'a>, node: &Node<'a>) -> Result<(&'a str, Option<Step>)> {
    let input = |i: usize| node.inputs.get(i).copied().unwrap_or("");
    let known = |i: usize| constant(graph, input(i), DEPTH);
    let elements = |i: usize| -> Result<Option<Vec<f64>>> {
        known(i)?.map(Constant::into_elements).transpose()
    };
    let negated = |values: Vec<f64>| values.into_iter().map(|value| -value).collect::<Vec<_>>();
    let function = |function| Ok((input(0), Some(Step::Function(function))));
    match node.operator {
        // Operators that change only shapes keep the rows of a policy.
        "Identity" | "Flatten" | "Reshape" | "Cast" | "Dropout" | "Squeeze" | "Unsqueeze" => {
            Ok((input(0), None))
        }
        "Relu" => function(Activation::Relu),
        "Tanh" => function(Activation::Tanh),
        "Swish" if node.float("alpha", 1.0) == 1.0 => function(Activation::Silu),
        "LeakyRelu" => {
            let slope = node.float("alpha", 0.01);
            if (slope - activation::LEAKY_SLOPE).abs() > 1e-6 {
                bail!("its slope is {slope}, an image's is {}", activation::LEAKY_SLOPE);
            }
            function(Activation::LeakyRelu)
        }
        "Gemm" => {
            let weights = known(1)?.context("its weights are not constant")?;
            let bias = if input(2).is_empty() {
                None
            } else {
                Some(known(2)?.context("its bias is not constant")?)
            };
            if node.int("transA", 0) != 0 {
                bail!("it transposes its input");
            }
            let factors = (node.float("alpha", 1.0), node.float("beta", 1.0));
            if factors != (1.0, 1.0) {
                bail!("it multiplies by {factors:?}");
            }
            Ok((input(0), Some(dense(weights, bias, node.int("transB", 0) != 0)?)))
        }
        "MatMul" => {
            let weights = known(1)?.context("its second input is not constant")?;
            Ok((input(0), Some(dense(weights, None, false)?)))
        }
        "Clip" => {
            let limit = |i: usize, name: &str, default: f32| -> Result<Vec<f64>> {
                match (input(i), elements(i)?) {
                    ("", _) => Ok(vec![f64::from(node.float(name, default))]),
                    (_, limit) => limit.context("its limits are not constant"),
                }
            };
            let (low, high) = (limit(1, "min", f32::MIN)?, limit(2, "max", f32::MAX)?);
            Ok((input(0), Some(Step::Clamp { low, high })))
        }
        "Mul" if silu_of(graph, node).is_some() => {
            let x = silu_of(graph, node).unwrap_or_default();
            Ok((x, Some(Step::Function(Activation::Silu))))
        }
        "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" => {
            if node.inputs.len() != 2 {
                bail!("it has {} inputs", node.inputs.len());
            }
            let (other, values, first) = match (elements(1)?, elements(0)?) {
                (Some(values), None) => (input(0), values, false),
                (None, Some(values)) => (input(1), values, true),
                _ => bail!("it does not apply a constant to one number"),
            };
            let (lowest, highest) = (vec![f64::NEG_INFINITY], vec![f64::INFINITY]);
            let step = match (node.operator, first) {
                ("Add", _) => Step::Shift(values),
                ("Sub", false) => Step::Shift(negated(values)),
                ("Mul", _) => Step::Scale(values),
                ("Div", false) => Step::Divide(values),
                ("Max", _) => Step::Clamp { low: values, high: highest },
                ("Min", _) => Step::Clamp { low: lowest, high: values },
                _ => bail!("it subtracts the input from a constant, or divides a constant by it"),
            };
            Ok((other, Some(step)))
        }
        other => bail!("{other} is not part of a policy with two hidden layers"),
    }
}

/// `x` of `x * sigmoid(x)`.
fn silu_of<'a>(graph: &Graph<'a>, node: &Node<'a>) -> Option<&'a str> {
    let [a, b] = node.inputs[..] else { return None };
    let gate_of = |gate: &str, x: &str| {
        graph
            .producer(gate)
            .is_some_and(|node| node.operator == "Sigmoid" && node.inputs.first() == Some(&x))
    };
    if gate_of(b, a) {
        Some(a)
    } else if gate_of(a, b) {
        Some(b)
    } else {
        None
    }
}

fn dense(weights: Constant, bias: Option<Constant>, transposed_weights: bool) -> Result<Step> {
    let [rows, columns] = weights.dims[..] else {
        bail!("its weights have shape {:?}, which is not a matrix", weights.dims);
    };
    let (inputs, outputs, values) = if transposed_weights {
        (columns, rows, transposed(&weights.values, rows, columns))
    } else {
        (rows, columns, weights.values)
    };
    let bias = match bias {
        None => vec![0.0; outputs],
        Some(bias) => bias.into_elements()?.into_iter().map(|value| value as f32).collect(),
    };
    if inputs == 0 || outputs == 0 || bias.len() != outputs {
        bail!("{} biases do not fit weights for {outputs} outputs", bias.len());
    }
    let weights: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    if !weights.iter().chain(&bias).all(|value| value.is_finite()) {
        bail!("a weight is NaN or infinite");
    }
    Ok(Step::Dense(Dense { inputs, outputs, weights, bias }))
}
