//! The definition of a format of another program.

use anyhow::Result;
use daa_core::image::Image;

/// A format of another program. Adding one means adding its file and its line in [`FORMATS`](crate::FORMATS).
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name of the option of `host-trainer export`, without its hyphens.
    pub flag: &'static str,
    /// Help of the option.
    pub help: &'static str,
    /// The bytes of the file, made from an image with `f32` weights.
    pub bytes: fn(&Image<'_>) -> Result<Vec<u8>>,
}
