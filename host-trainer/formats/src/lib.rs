//! File formats of policies: the image, and the formats of other programs.
//!
//! [`export`] writes an image from the parts of a trained policy. ONNX, safetensors and C headers are made
//! from an image, which was checked when it was written. [`import`] reads an ONNX or safetensors file as steps,
//! makes an image of them, and compares the image with the steps.

pub mod export;
mod files;
mod format;
mod golden;
pub mod image;
pub mod import;
pub mod inspect;
mod layers;
mod metadata;
mod monitor_calibration;
mod onnx;
mod protobuf;
mod provenance;
pub mod quantise;
mod steps;

pub use files::{FORMATS, write_formats};
pub use format::Format;
