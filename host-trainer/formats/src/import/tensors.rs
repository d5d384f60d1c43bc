//! Tensors of a safetensors file.

use anyhow::{Context, Result, bail};
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;

/// A safetensors file whose header has been checked.
pub(super) struct File<'a> {
    tensors: SafeTensors<'a>,
    about: HashMap<String, String>,
}

impl<'a> File<'a> {
    /// # Errors
    /// When the bytes are not a complete safetensors file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes)
            .context("the file is not a complete safetensors file")?;
        let about = header.metadata().clone().unwrap_or_default();
        let tensors = SafeTensors::deserialize(bytes)
            .context("the file is not a complete safetensors file")?;
        Ok(Self { tensors, about })
    }

    /// Shape and numbers of a tensor; none where the file has no such tensor.
    pub(super) fn tensor(&self, name: &str) -> Result<Option<(Vec<usize>, Vec<f64>)>> {
        let Ok(view) = self.tensors.tensor(name) else { return Ok(None) };
        let bytes = view.data();
        let values: Vec<f64> = match view.dtype() {
            Dtype::F32 => {
                bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
            }
            Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            other => bail!("tensor {name} is of type {other:?}: save it as float32"),
        };
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            bail!("tensor {name} contains {} at index {at}", values[at]);
        }
        Ok(Some((view.shape().to_vec(), values)))
    }

    /// The numbers of a tensor of any shape.
    pub(super) fn vector(&self, name: &str) -> Result<Option<Vec<f64>>> {
        Ok(self.tensor(name)?.map(|(_, values)| values))
    }

    /// The names of all tensors.
    pub(super) fn names(&self) -> Vec<&str> {
        self.tensors.names()
    }

    /// The value of a key of the file's metadata.
    pub(super) fn about(&self, key: &str) -> Option<&str> {
        self.about.get(key).map(String::as_str)
    }
}
