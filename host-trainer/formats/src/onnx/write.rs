//! The policy of an image as an ONNX file: the whole map from observations in their units to commands.
//!
//! | tensor | shape | meaning |
//! |---|---|---|
//! | `observation` | `[N, OBS]` | input, in the units of the metadata |
//! | `action` | `[N, ACT]` | output, within the limits of the metadata |
//! | `W1`, `W2`, `W3` | `[in, out]` | weights, in the order of the image |

use super::fields::{FLOAT, attribute, graph, model, node, tensor};
use crate::layers::layers;
use crate::protobuf::Message;
use crate::provenance;
use daa_core::image::Image;
use daa_core::math::{Activation, activation};
use daa_core::policy::Head;

/// Version 13 of the operators (2020), for files of IR version 7 (ONNX 1.8).
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// A graph to which values are appended.
struct Graph {
    message: Message,
    at: String,
}

impl Graph {
    fn constant(mut self, name: &str, dims: &[usize], values: &[f32]) -> Self {
        let mut message = Message::default();
        for dim in dims {
            message = message.int(tensor::DIMS, *dim as i64);
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let message = message.int(tensor::DATA_TYPE, FLOAT).text(tensor::NAME, name);
        self.message =
            self.message.message(graph::INITIALISER, &message.bytes(tensor::RAW_DATA, &bytes));
        self
    }

    /// Appends `output = operator(last value, constants…)`.
    fn apply(self, operator: &str, constants: &[&str], output: &str) -> Self {
        let last = self.at.clone();
        let inputs: Vec<_> = std::iter::once(&*last).chain(constants.iter().copied()).collect();
        self.node(operator, &inputs, output, None)
    }

    fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: Option<&Message>,
    ) -> Self {
        let mut message = Message::default();
        for input in inputs {
            message = message.text(node::INPUT, input);
        }
        message = message.text(node::OUTPUT, output).text(node::NAME, output);
        message = message.text(node::OPERATOR, operator);
        if let Some(attribute) = attributes {
            message = message.message(node::ATTRIBUTE, attribute);
        }
        self.message = self.message.message(graph::NODE, &message);
        output.clone_into(&mut self.at);
        self
    }

    fn activate(self, function: Activation, output: &str) -> Self {
        let last = self.at.clone();
        match function {
            Activation::Relu => self.apply("Relu", &[], output),
            Activation::Tanh => self.apply("Tanh", &[], output),
            Activation::LeakyRelu => {
                let slope = Message::default().text(attribute::NAME, "alpha");
                let slope = slope.float(attribute::FLOAT, activation::LEAKY_SLOPE);
                let slope = slope.int(attribute::TYPE, attribute::TYPE_FLOAT);
                self.node("LeakyRelu", &[&last], output, Some(&slope))
            }
            Activation::Silu => {
                let gate = format!("{output}_gate");
                self.apply("Sigmoid", &[], &gate).node("Mul", &[&last, &gate], output, None)
            }
        }
    }
}

/// `name [N, width]`.
fn value_info(name: &str, width: usize) -> Message {
    let free = Message::default().text(2, "N");
    let shape = Message::default().message(1, &free);
    let shape = shape.message(1, &Message::default().int(1, width as i64));
    let tensor = Message::default().int(1, FLOAT).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

/// The bytes of the file.
pub(crate) fn onnx(image: &Image<'_>) -> Vec<u8> {
    let (metadata, architecture) = (image.metadata(), image.architecture());
    let shape = architecture.policy();
    let signals = &metadata.observations;
    let mean: Vec<f32> = signals.iter().map(|signal| signal.mean).collect();
    let deviation: Vec<f32> = signals.iter().map(|signal| signal.deviation).collect();
    let clip = metadata.observation_clip;

    let mut graph = Graph { message: Message::default(), at: "observation".to_owned() };
    graph = graph.constant("mean", &[shape.input], &mean);
    graph = graph.constant("deviation", &[shape.input], &deviation);
    graph = graph.constant("clip_low", &[], &[-clip]).constant("clip_high", &[], &[clip]);
    // The graph divides, so that a reader finds the bits of the standard deviation.
    graph = graph.apply("Sub", &["mean"], "centred").apply("Div", &["deviation"], "scaled");
    graph = graph.apply("Clip", &["clip_low", "clip_high"], "z");
    for (i, layer) in layers(shape, image.policy_weights()).iter().enumerate() {
        let [weights, bias, sum, hidden] =
            ["W", "b", "sum", "hidden"].map(|name| format!("{name}{}", i + 1));
        graph = graph.constant(&weights, &[layer.inputs, layer.outputs], layer.weights);
        graph = graph.constant(&bias, &[layer.outputs], layer.bias);
        graph = graph.apply("Gemm", &[&weights, &bias], &sum);
        if i < 2 {
            graph = graph.activate(architecture.policy_activation, &hidden);
        }
    }
    if architecture.policy_head == Head::Squash {
        graph = graph.apply("Tanh", &[], "squashed");
    }
    let per_action = |value: fn((f32, f32)) -> f32| -> Vec<f32> {
        metadata.actions.iter().map(|signal| value((signal.low, signal.high))).collect()
    };
    let constants = [
        ("half_range", per_action(|(low, high)| 0.5 * (high - low))),
        ("centre", per_action(|(low, high)| 0.5 * (low + high))),
        ("low", per_action(|(low, _)| low)),
        ("high", per_action(|(_, high)| high)),
    ];
    for (name, values) in &constants {
        graph = graph.constant(name, &[shape.output], values);
    }
    graph = graph.constant("minus_one", &[], &[-1.0]).constant("one", &[], &[1.0]);
    graph = graph.apply("Clip", &["minus_one", "one"], "raw");
    graph = graph.apply("Mul", &["half_range"], "ranged").apply("Add", &["centre"], "command");
    graph = graph.apply("Max", &["low"], "above").apply("Min", &["high"], "action");

    let graph = graph
        .message
        .text(graph::NAME, metadata.task)
        .message(graph::INPUT, &value_info("observation", shape.input))
        .message(graph::OUTPUT, &value_info("action", shape.output));
    let mut message = Message::default()
        .int(model::IR_VERSION, IR_VERSION)
        .text(model::PRODUCER_NAME, "host-trainer")
        .text(model::PRODUCER_VERSION, env!("CARGO_PKG_VERSION"))
        .message(model::GRAPH, &graph)
        .message(model::OPSET_IMPORT, &Message::default().text(1, "").int(2, OPSET));
    let log_std = image.log_std().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let log_std = std::iter::once(("log_std", log_std));
    for (key, value) in provenance::of(image).into_iter().chain(log_std) {
        message =
            message.message(model::METADATA, &Message::default().text(1, key).text(2, &value));
    }
    message.into_bytes()
}
