//! Field numbers and constants of `onnx.proto`.

/// `TensorProto.DataType`
pub(super) const FLOAT: i64 = 1;
pub(super) const DOUBLE: i64 = 11;

/// `ModelProto`
pub(super) mod model {
    pub(in super::super) const IR_VERSION: u32 = 1;
    pub(in super::super) const PRODUCER_NAME: u32 = 2;
    pub(in super::super) const PRODUCER_VERSION: u32 = 3;
    pub(in super::super) const GRAPH: u32 = 7;
    pub(in super::super) const OPSET_IMPORT: u32 = 8;
    pub(in super::super) const METADATA: u32 = 14;
}

/// `GraphProto`
pub(super) mod graph {
    pub(in super::super) const NODE: u32 = 1;
    pub(in super::super) const NAME: u32 = 2;
    pub(in super::super) const INITIALISER: u32 = 5;
    pub(in super::super) const INPUT: u32 = 11;
    pub(in super::super) const OUTPUT: u32 = 12;
}

/// `NodeProto`
pub(super) mod node {
    pub(in super::super) const INPUT: u32 = 1;
    pub(in super::super) const OUTPUT: u32 = 2;
    pub(in super::super) const NAME: u32 = 3;
    pub(in super::super) const OPERATOR: u32 = 4;
    pub(in super::super) const ATTRIBUTE: u32 = 5;
}

/// `AttributeProto`
pub(super) mod attribute {
    pub(in super::super) const NAME: u32 = 1;
    pub(in super::super) const FLOAT: u32 = 2;
    pub(in super::super) const INT: u32 = 3;
    pub(in super::super) const TENSOR: u32 = 5;
    pub(in super::super) const TYPE: u32 = 20;
    pub(in super::super) const TYPE_FLOAT: i64 = 1;
}

/// `TensorProto`
pub(super) mod tensor {
    pub(in super::super) const DIMS: u32 = 1;
    pub(in super::super) const DATA_TYPE: u32 = 2;
    pub(in super::super) const FLOAT_DATA: u32 = 4;
    pub(in super::super) const NAME: u32 = 8;
    pub(in super::super) const RAW_DATA: u32 = 9;
    pub(in super::super) const DOUBLE_DATA: u32 = 10;
    pub(in super::super) const EXTERNAL_DATA: u32 = 13;
}
