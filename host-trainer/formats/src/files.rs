//! The formats of other programs that an image can be written in.

use crate::image::AlignedImage;
use crate::{c_header, onnx, safetensors};
use anyhow::{Context, Result, bail};
use daa_core::image::Image;
use daa_core::integer::WeightType;
use daa_envs::files::write_atomically;
use std::path::{Path, PathBuf};

/// Formats that an image is written in, beside its own.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Formats {
    /// Write the whole map, from observations to commands, as an ONNX file, too
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Write the networks and statistics as a safetensors file, with PyTorch's names and order, too
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
    /// Write the policy as a C99 header with a plain function, too
    #[arg(long, value_name = "FILE")]
    c_header: Option<PathBuf>,
}

impl Formats {
    /// Writes what was asked for, made from the image at `path`, and returns the files.
    ///
    /// # Errors
    /// When the image cannot be read, has integer weights, or a file cannot be written.
    pub fn write(&self, path: &Path) -> Result<Vec<PathBuf>> {
        type Maker = fn(&Image<'_>) -> Result<Vec<u8>>;
        let wanted: [(&Option<PathBuf>, Maker); 3] = [
            (&self.onnx, |image| Ok(onnx::onnx(image))),
            (&self.safetensors, safetensors::safetensors),
            (&self.c_header, |image| Ok(c_header::c_header(image).into_bytes())),
        ];
        let wanted: Vec<_> =
            wanted.into_iter().filter_map(|(file, make)| Some((file.as_ref()?, make))).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let file = AlignedImage::read(path)?;
        let image = file.open().with_context(|| path.display().to_string())?;
        if image.architecture().policy_weights != WeightType::F32 {
            bail!(
                "{} has integer weights, which these formats have no words for: export it with --dtype f32",
                path.display()
            );
        }
        for (file, make) in &wanted {
            write_atomically(file, &make(&image)?)?;
        }
        Ok(wanted.into_iter().map(|(file, _)| file.clone()).collect())
    }

    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.onnx.is_none() && self.safetensors.is_none() && self.c_header.is_none()
    }
}
