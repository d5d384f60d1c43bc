//! ONNX files: the policy of an image is written, and policies of other programs are read.

mod chain;
mod fields;
mod read;
mod write;

pub(super) use chain::{chain, log_std};
pub(super) use read::Graph;

use crate::format::Format;

/// The whole map from observations to commands as an ONNX file.
pub(super) const FORMAT: Format = Format {
    flag: "onnx",
    help: "Also write the whole map from observations to commands as an ONNX file",
    bytes: |image| Ok(write::onnx(image)),
};

#[cfg(test)]
mod tests;
