//! The policy of an image as a C99 header: the numbers, and a plain function with the order of operations of
//! `core`.

use crate::format::Format;
use crate::layers::layers;
use crate::provenance;
use daa_core::Activation;
use daa_core::image::Image;
use daa_core::policy::Head;
use std::fmt::{Result, Write as _};

/// The policy as a C99 header.
pub(super) const FORMAT: Format = Format {
    flag: "c-header",
    help: "Also write the policy as a C99 header with a plain function",
    bytes: |image| Ok(c_header(image).into_bytes()),
};

/// The function after the numbers. `@ACTIVATION@` and `@HEAD@` are replaced by expressions of `x`.
const FUNCTION: &str = include_str!("policy.h");

/// Writes an array of floats with the shortest decimal digits that are read as the same bits.
fn array(out: &mut String, name: &str, size: &str, values: impl Iterator<Item = f32>) -> Result {
    write!(out, "static const float policy_{name}{size} = {{")?;
    for (i, value) in values.enumerate() {
        let separator = if i % 8 == 0 { "\n    " } else { " " };
        write!(out, "{separator}{value:e}f,")?;
    }
    writeln!(out, "\n}};")
}

/// The text of the header.
fn c_header(image: &Image<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_header(image, &mut text);
    text
}

fn write_header(image: &Image<'_>, out: &mut String) -> Result {
    let (metadata, architecture) = (image.metadata(), image.architecture());
    let shape = architecture.policy();
    writeln!(out, "/* A policy, from observations in their units to commands.")?;
    for (key, value) in provenance::of(image) {
        // No name may end the comment.
        writeln!(out, " * {key}: {}", value.replace("*/", "* /").replace(['\n', '\r', '\\'], " "))?;
    }
    writeln!(out, " */\n#ifndef POLICY_H\n#define POLICY_H\n\n#include <math.h>\n")?;
    writeln!(out, "#define POLICY_OBSERVATIONS {}", shape.input)?;
    writeln!(out, "#define POLICY_HIDDEN {}", shape.hidden)?;
    writeln!(out, "#define POLICY_ACTIONS {}", shape.output)?;
    writeln!(out, "#define POLICY_PERIOD_US {}", metadata.control_period_us)?;
    writeln!(out, "#define POLICY_CLIP {:e}f\n", metadata.observation_clip)?;
    let (signals, actions) = (&metadata.observations, &metadata.actions);
    array(out, "mean", "[POLICY_OBSERVATIONS]", signals.iter().map(|signal| signal.mean))?;
    array(
        out,
        "inverse_deviation",
        "[POLICY_OBSERVATIONS]",
        signals.iter().map(|signal| 1.0 / signal.deviation),
    )?;
    array(out, "low", "[POLICY_ACTIONS]", actions.iter().map(|signal| signal.low))?;
    array(out, "high", "[POLICY_ACTIONS]", actions.iter().map(|signal| signal.high))?;
    let sizes = ["POLICY_OBSERVATIONS", "POLICY_HIDDEN", "POLICY_HIDDEN", "POLICY_ACTIONS"];
    for (i, layer) in layers(shape, image.policy_weights()).iter().enumerate() {
        let [inputs, outputs] = [sizes[i], sizes[i + 1]];
        let (weights, bias) = (format!("w{}", i + 1), format!("b{}", i + 1));
        array(out, &weights, &format!("[{inputs} * {outputs}]"), layer.weights.iter().copied())?;
        array(out, &bias, &format!("[{outputs}]"), layer.bias.iter().copied())?;
    }
    writeln!(out, "\n#ifdef POLICY_GOLDEN")?;
    let golden: Vec<_> = image.golden().collect();
    writeln!(out, "#define POLICY_GOLDEN_COUNT {}", golden.len())?;
    let observations = golden.iter().flat_map(|golden| golden.observation.iter().copied());
    array(out, "golden_observation", "[POLICY_GOLDEN_COUNT * POLICY_OBSERVATIONS]", observations)?;
    let commands = golden.iter().flat_map(|golden| golden.action.iter().copied());
    array(out, "golden_action", "[POLICY_GOLDEN_COUNT * POLICY_ACTIONS]", commands)?;
    writeln!(out, "#endif\n")?;
    let activation = match architecture.policy_activation {
        Activation::Relu => "x > 0.0f ? x : 0.0f",
        Activation::LeakyRelu => "x > 0.0f ? x : 0.01f * x",
        Activation::Tanh => "tanhf(x)",
        Activation::Silu => "x / (1.0f + expf(-x))",
    };
    let head = match architecture.policy_head {
        Head::Squash => "tanhf(x)",
        Head::Clip => "x",
    };
    out.push_str(&FUNCTION.replace("@ACTIVATION@", activation).replace("@HEAD@", head));
    Ok(())
}
