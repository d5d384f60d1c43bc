//! ONNX files: writing an image's policy, reading others' policies. Field numbers are those of
//! `onnx.proto`.

mod chain;
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

/// `TensorProto.DataType`
const FLOAT: i64 = 1;
const DOUBLE: i64 = 11;

/// `ModelProto`
mod model {
    pub(super) const IR_VERSION: u32 = 1;
    pub(super) const PRODUCER_NAME: u32 = 2;
    pub(super) const PRODUCER_VERSION: u32 = 3;
    pub(super) const GRAPH: u32 = 7;
    pub(super) const OPSET_IMPORT: u32 = 8;
    pub(super) const METADATA: u32 = 14;
}

/// `GraphProto`
mod graph {
    pub(super) const NODE: u32 = 1;
    pub(super) const NAME: u32 = 2;
    pub(super) const INITIALISER: u32 = 5;
    pub(super) const INPUT: u32 = 11;
    pub(super) const OUTPUT: u32 = 12;
}

/// `NodeProto`
mod node {
    pub(super) const INPUT: u32 = 1;
    pub(super) const OUTPUT: u32 = 2;
    pub(super) const NAME: u32 = 3;
    pub(super) const OPERATOR: u32 = 4;
    pub(super) const ATTRIBUTE: u32 = 5;
}

/// `AttributeProto`
mod attribute {
    pub(super) const NAME: u32 = 1;
    pub(super) const FLOAT: u32 = 2;
    pub(super) const INT: u32 = 3;
    pub(super) const TENSOR: u32 = 5;
    pub(super) const TYPE: u32 = 20;
    pub(super) const TYPE_FLOAT: i64 = 1;
}

/// `TensorProto`
mod tensor {
    pub(super) const DIMS: u32 = 1;
    pub(super) const DATA_TYPE: u32 = 2;
    pub(super) const FLOAT_DATA: u32 = 4;
    pub(super) const NAME: u32 = 8;
    pub(super) const RAW_DATA: u32 = 9;
    pub(super) const DOUBLE_DATA: u32 = 10;
    pub(super) const EXTERNAL_DATA: u32 = 13;
}

#[cfg(test)]
mod tests;
