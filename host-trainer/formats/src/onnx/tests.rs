//! Tests: written files are read back, and damaged, cyclic or foreign files are refused.

use super::fields::{FLOAT, graph, model, node, tensor};
use super::write::onnx;
use super::*;
use crate::image::{AlignedImage, agent_of};
use crate::import::fit;
use crate::protobuf::Message;
use crate::steps::Step;
use anyhow::Result;
use daa_core::Activation;
use daa_core::image::{
    ActionSignal, Architecture, Contents, Metadata, ObservationSignal, Provenance,
};
use daa_core::math::WeightType;
use daa_core::model::TransitionTarget;
use daa_core::policy::Head;
use proptest::prelude::*;

/// Three observations, four hidden units and two actions; all numbers differ.
fn image(policy_activation: Activation, policy_head: Head) -> AlignedImage {
    let architecture = Architecture {
        observations: 3,
        actions: 2,
        policy_hidden: 4,
        transition_hidden: 0,
        reward_hidden: 0,
        critic_hidden: 0,
        policy_activation,
        model_activation: policy_activation,
        critic_activation: policy_activation,
        transition_target: TransitionTarget::Next,
        policy_weights: WeightType::F32,
        policy_head,
    };
    let signal = |name, mean, deviation| ObservationSignal {
        name,
        unit: "m",
        low: -5.0,
        high: 5.0,
        mean,
        deviation,
    };
    let action = |name, low, high| ActionSignal { name, unit: "", low, high };
    let metadata = Metadata {
        task: "toy-reach",
        control_period_us: 20_000,
        observation_clip: 4.0,
        gamma: 1.0,
        lambda: 1.0,
        reward_scale: 1.0,
        observations: [signal("x", 0.1, 0.3), signal("y", -0.7, 3.1), signal("z", 0.0, 1.0)]
            .into_iter()
            .collect(),
        actions: [action("left", -1.0, 1.0), action("right", -0.25, 0.75)].into_iter().collect(),
        provenance: Provenance {
            commit: "",
            preset: "toy",
            seed: 1,
            decisions: 0,
            evaluation: None,
        },
    };
    let policy: Vec<f32> =
        (0..architecture.policy().params() + 2).map(|i| (i as f32 * 1.3).sin()).collect();
    let contents =
        Contents { architecture, metadata: &metadata, policy: &policy, model: None, golden: &[] };
    let mut words = vec![0u32; contents.capacity().div_ceil(4)];
    let buffer = bytemuck::cast_slice_mut(&mut words);
    let len = daa_core::image::write(&contents, buffer).unwrap();
    AlignedImage::copy(&buffer[..len])
}

fn steps(file: &[u8]) -> Result<Vec<Step>> {
    chain(&Graph::read(file)?, None)
}

#[test]
fn every_activation_and_head_comes_back_as_the_same_agent() {
    for activation in [Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Silu]
    {
        for head in [Head::Squash, Head::Clip] {
            let file = image(activation, head);
            let image = file.open().unwrap();
            let bytes = onnx(&image);
            let graph = Graph::read(&bytes).unwrap();
            let steps = chain(&graph, None).unwrap();
            let (agent, widths) = fit(&steps, (3, 2), log_std(&graph).as_deref()).unwrap();
            assert_eq!(widths, [4, 4]);
            assert_eq!(agent, agent_of(&image), "{activation:?} {head:?}");
        }
    }
}

#[test]
fn a_truncated_file_is_refused_or_has_lost_only_names() {
    let bytes = onnx(&image(Activation::LeakyRelu, Head::Squash).open().unwrap());
    let whole = steps(&bytes).unwrap();
    let read = (0..bytes.len()).filter_map(|len| steps(&bytes[..len]).ok());
    let read: Vec<_> = read.collect();
    assert!(read.iter().all(|steps| *steps == whole));
    // Behind the graph are its operators' version and some fifteen names.
    assert!(read.len() < 20, "{}", read.len());
}

/// A file with these nodes, the input `x`, the output `y`, and constants of three ones.
fn file(nodes: &[(&str, &[&str], &str)], constants: &[Message]) -> Vec<u8> {
    let mut message = Message::default();
    for (operator, inputs, output) in nodes {
        let mut node = Message::default().text(node::OPERATOR, operator);
        for input in *inputs {
            node = node.text(node::INPUT, input);
        }
        message = message.message(graph::NODE, &node.text(node::OUTPUT, output));
    }
    for constant in constants {
        message = message.message(graph::INITIALISER, constant);
    }
    message = message.message(graph::INPUT, &Message::default().text(1, "x"));
    message = message.message(graph::OUTPUT, &Message::default().text(1, "y"));
    Message::default().int(model::IR_VERSION, 8).message(model::GRAPH, &message).into_bytes()
}

fn constant(name: &str, dims: &[i64], data_type: i64) -> Message {
    let message = dims.iter().fold(Message::default(), |m, dim| m.int(tensor::DIMS, *dim));
    let message = message.int(tensor::DATA_TYPE, data_type).text(tensor::NAME, name);
    message.bytes(tensor::RAW_DATA, bytemuck::cast_slice(&[1f32; 3]))
}

#[test]
fn what_is_no_policy_is_refused_with_the_cause() {
    let refused = |bytes: Vec<u8>, words: &[&str]| {
        let error = format!("{:#}", steps(&bytes).unwrap_err());
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error:?}");
        }
    };
    let three = || constant("c", &[3], FLOAT);
    let add = |inputs: &'static [&'static str]| file(&[("Add", inputs, "y")], &[three()]);
    assert_eq!(steps(&add(&["x", "c"])).unwrap(), [Step::Shift(vec![1.0; 3])]);
    refused(add(&["x", "x"]), &["Add", "does not apply a constant"]);
    refused(add(&["z", "c"]), &["no node computes z"]);
    refused(file(&[("Conv", &["x", "c"], "y")], &[three()]), &["Conv", "not part of a policy"]);
    refused(file(&[("Sub", &["c", "x"], "y")], &[three()]), &["Sub"]);
    refused(file(&[("Relu", &["z"], "y"), ("Tanh", &["y"], "z")], &[]), &["has a cycle"]);
    refused(file(&[("Identity", &["y"], "y")], &[]), &["has a cycle"]);
    refused(file(&[("Add", &["x", "k"], "y"), ("Identity", &["k"], "k")], &[]), &["cycle"]);
    let gemm = |c: Message| file(&[("Gemm", &["x", "c"], "y")], &[c]);
    refused(gemm(three()), &["[3]", "not a matrix"]);
    refused(gemm(constant("c", &[3, 2], FLOAT)), &["[3, 2]", "3 numbers"]);
    refused(gemm(constant("c", &[1 << 40, 1 << 40], FLOAT)), &["3 numbers"]);
    refused(gemm(constant("c", &[-1, 3], FLOAT)), &["negative size"]);
    refused(gemm(constant("c", &[3, 1], 10)), &["data type 10", "float32"]);
    let elsewhere = constant("c", &[3, 1], FLOAT).bytes(tensor::EXTERNAL_DATA, b"");
    refused(gemm(elsewhere), &["another file", "external_data=False"]);
    let nan = constant("c", &[3, 1], FLOAT);
    let nan = nan.bytes(tensor::RAW_DATA, bytemuck::cast_slice(&[1.0, f32::NAN, 1.0]));
    refused(gemm(nan), &["NaN or infinite"]);
    refused(Message::default().int(model::IR_VERSION, 8).into_bytes(), &["no graph"]);
    refused(file(&vec![("Relu", &["x"][..], "y"); 10_001], &[]), &["more than 10000"]);
}

proptest! {
    #[test]
    fn no_bytes_can_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = onnx(&image(Activation::Silu, Head::Clip).open().unwrap());
        for (index, value) in edits {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(steps) = steps(&bytes) {
            let _ = fit(&steps, (3, 2), None);
        }
    }
}
