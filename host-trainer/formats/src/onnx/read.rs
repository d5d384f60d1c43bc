//! Reader of ONNX files: a graph of names with checked lengths.
//!
//! Names and bytes are borrowed from the bytes of the file. The numbers of a tensor are decoded on request.

use super::fields::{DOUBLE, FLOAT, attribute, graph, model, node, tensor};
use crate::protobuf::{Fields, Value, varint};
use anyhow::{Context, Result, bail};
use std::collections::{HashMap, HashSet};

/// Largest number of nodes, constants and names; a policy has some tens of each.
const MOST: usize = 10_000;

/// A tensor with the encoded numbers of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<usize>,
    data_type: i64,
    raw: &'a [u8],
    /// Elements that are encoded one by one.
    floats: Vec<f32>,
    doubles: Vec<f64>,
    external: bool,
}

/// An operator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node<'a> {
    pub(super) operator: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: HashMap<&'a str, Attribute<'a>>,
}

/// The attributes of an operator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attribute<'a> {
    pub(super) float: Option<f32>,
    pub(super) int: Option<i64>,
    pub(super) tensor: Option<Tensor<'a>>,
}

/// The graph of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) constants: HashMap<&'a str, Tensor<'a>>,
    /// Names of the inputs, without constants.
    pub(super) inputs: HashSet<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) metadata: HashMap<&'a str, &'a str>,
    /// Index of the node that computes each name.
    producers: HashMap<&'a str, usize>,
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<()> {
    if list.len() >= MOST {
        bail!("the file has more than {MOST} parts of one kind, so it is not a policy");
    }
    list.push(item);
    Ok(())
}

impl<'a> Graph<'a> {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are not a complete ONNX file.
    pub(crate) fn read(file: &'a [u8]) -> Result<Self> {
        let (mut read, mut found) = (Self::default(), false);
        for field in Fields::of(file) {
            match field? {
                (model::GRAPH, value) => {
                    found = true;
                    read.graph(value.bytes()?)?;
                }
                (model::METADATA, value) => {
                    let (key, value) = pair(value.bytes()?)?;
                    if read.metadata.len() < MOST {
                        read.metadata.insert(key, value);
                    }
                }
                _ => {}
            }
        }
        if !found || read.nodes.is_empty() {
            bail!("there is no graph in the file");
        }
        for (at, node) in read.nodes.iter().enumerate() {
            for output in &node.outputs {
                read.producers.insert(output, at);
            }
        }
        let constants = &read.constants;
        read.inputs.retain(|name| !constants.contains_key(name));
        Ok(read)
    }

    fn graph(&mut self, message: &'a [u8]) -> Result<()> {
        for field in Fields::of(message) {
            let (field, value) = field?;
            match field {
                graph::NODE => push(&mut self.nodes, Node::read(value.bytes()?)?)?,
                graph::INITIALISER => {
                    let tensor = Tensor::read(value.bytes()?)?;
                    if self.constants.len() >= MOST {
                        bail!("the file has more than {MOST} tensors, so it is not a policy");
                    }
                    self.constants.insert(tensor.name, tensor);
                }
                graph::INPUT if self.inputs.len() < MOST => {
                    self.inputs.insert(value_name(value.bytes()?)?);
                }
                graph::OUTPUT => push(&mut self.outputs, value_name(value.bytes()?)?)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The node that computes `name`.
    pub(super) fn producer(&self, name: &str) -> Option<&Node<'a>> {
        self.nodes.get(*self.producers.get(name)?)
    }
}

/// Key and value of a `StringStringEntryProto`.
fn pair(message: &[u8]) -> Result<(&str, &str)> {
    let mut pair = ("", "");
    for field in Fields::of(message) {
        match field? {
            (1, key) => pair.0 = key.text()?,
            (2, value) => pair.1 = value.text()?,
            _ => {}
        }
    }
    Ok(pair)
}

/// The name of a `ValueInfoProto`.
fn value_name(message: &[u8]) -> Result<&str> {
    for field in Fields::of(message) {
        if let (1, name) = field? {
            return name.text();
        }
    }
    bail!("an input or an output has no name")
}

impl<'a> Node<'a> {
    fn read(message: &'a [u8]) -> Result<Self> {
        let mut read = Self::default();
        for field in Fields::of(message) {
            let (field, value) = field?;
            match field {
                node::INPUT => push(&mut read.inputs, value.text()?)?,
                node::OUTPUT => push(&mut read.outputs, value.text()?)?,
                node::OPERATOR => read.operator = value.text()?,
                node::ATTRIBUTE if read.attributes.len() < 64 => {
                    let (name, attribute) = Attribute::read(value.bytes()?)?;
                    read.attributes.insert(name, attribute);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    pub(super) fn int(&self, attribute: &str, default: i64) -> i64 {
        self.attributes.get(attribute).and_then(|a| a.int).unwrap_or(default)
    }

    pub(super) fn float(&self, attribute: &str, default: f32) -> f32 {
        self.attributes.get(attribute).and_then(|a| a.float).unwrap_or(default)
    }
}

impl<'a> Attribute<'a> {
    fn read(message: &'a [u8]) -> Result<(&'a str, Self)> {
        let (mut name, mut read) = ("", Self::default());
        for field in Fields::of(message) {
            let (field, value) = field?;
            match field {
                attribute::NAME => name = value.text()?,
                attribute::FLOAT => read.float = Some(value.float()?),
                attribute::INT => read.int = Some(value.int()?),
                attribute::TENSOR => read.tensor = Some(Tensor::read(value.bytes()?)?),
                _ => {}
            }
        }
        Ok((name, read))
    }
}

impl<'a> Tensor<'a> {
    fn read(message: &'a [u8]) -> Result<Self> {
        let mut read = Self::default();
        for field in Fields::of(message) {
            let (field, value) = field?;
            match field {
                tensor::DIMS => {
                    for dim in ints(value)? {
                        let dim = usize::try_from(dim).context("a tensor has a negative size")?;
                        push(&mut read.dims, dim)?;
                    }
                }
                tensor::DATA_TYPE => read.data_type = value.int()?,
                tensor::NAME => read.name = value.text()?,
                tensor::RAW_DATA => read.raw = value.bytes()?,
                tensor::FLOAT_DATA => match value {
                    Value::Bytes(bytes) => {
                        read.floats.extend(whole(bytes)?.map(f32::from_le_bytes))
                    }
                    value => read.floats.push(value.float()?),
                },
                tensor::DOUBLE_DATA => match value {
                    Value::Bytes(bytes) => {
                        read.doubles.extend(whole(bytes)?.map(f64::from_le_bytes))
                    }
                    Value::Fixed64(bytes) => read.doubles.push(f64::from_le_bytes(bytes)),
                    _ => bail!("a tensor of doubles has data of another type"),
                },
                tensor::EXTERNAL_DATA => read.external = true,
                _ => {}
            }
        }
        Ok(read)
    }

    /// The numbers, whose count fits the shape.
    ///
    /// # Errors
    /// When their count differs, they have another type, or they are in another file.
    pub(super) fn values(&self) -> Result<Vec<f64>> {
        let name = self.name;
        if self.external {
            bail!(
                "tensor {name} is in another file: save the model as one file (torch.onnx.export(…, external_data=False))"
            );
        }
        let values: Vec<f64> = match self.data_type {
            FLOAT if self.raw.is_empty() => self.floats.iter().map(|v| f64::from(*v)).collect(),
            FLOAT => whole(self.raw)?.map(|bytes| f64::from(f32::from_le_bytes(bytes))).collect(),
            DOUBLE if self.raw.is_empty() => self.doubles.clone(),
            DOUBLE => whole(self.raw)?.map(f64::from_le_bytes).collect(),
            other => bail!("tensor {name} is of data type {other}: save the model in float32"),
        };
        let wanted = self.dims.iter().try_fold(1usize, |size, dim| size.checked_mul(*dim));
        if wanted != Some(values.len()) {
            bail!("tensor {name} has shape {:?}, but {} numbers", self.dims, values.len());
        }
        Ok(values)
    }
}

/// Appends a repeated number: a single one, or several packed into bytes.
fn ints(value: Value<'_>) -> Result<Vec<i64>> {
    let Value::Bytes(mut bytes) = value else { return Ok(vec![value.int()?]) };
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(varint(&mut bytes)? as i64);
    }
    Ok(values)
}

/// Elements of `N` bytes each, without a rest.
fn whole<const N: usize>(bytes: &[u8]) -> Result<impl Iterator<Item = [u8; N]>> {
    let (elements, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        bail!("the numbers of a tensor are cut off");
    }
    Ok(elements.iter().copied())
}
