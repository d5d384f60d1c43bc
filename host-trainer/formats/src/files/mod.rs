//! The formats of other programs in which an image can be written.

mod c_header;
mod safetensors;

use crate::format::Format;
use crate::image::AlignedImage;
use crate::onnx;
use anyhow::{Context, Result, bail};
use daa_core::math::WeightType;
use daa_envs::files::write_atomically;
use std::path::{Path, PathBuf};

/// All formats, in the order of the help. The option of `host-trainer export` follows from the definition.
pub const FORMATS: &[Format] = &[onnx::FORMAT, safetensors::FORMAT, c_header::FORMAT];

/// Writes the image at `path` in other formats, each into its file.
///
/// # Errors
/// When the image cannot be read or has integer weights, or a file cannot be written.
pub fn write_formats(path: &Path, wanted: &[(Format, PathBuf)]) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let file = AlignedImage::read(path)?;
    let image = file.open().with_context(|| path.display().to_string())?;
    if image.architecture().policy_weights != WeightType::F32 {
        bail!(
            "{} has integer weights, which these formats cannot hold: export it with --dtype f32",
            path.display()
        );
    }
    wanted.iter().try_for_each(|(format, file)| write_atomically(file, &(format.bytes)(&image)?))
}
