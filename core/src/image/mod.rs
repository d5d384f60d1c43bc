//! The policy image, a `.daa` file: one checked block of bytes from the trainer to flash.
//!
//! Header (fixed bytes) -> metadata (postcard) -> sections of little-endian `f32`, 4-byte aligned,
//! weights `[in][out]`. The metadata is decoded only after magic, format version, total length,
//! architecture hash and CRC-32 were checked. Weights are used in place, never copied. The specification, with a hex dump
//! that a test parses, is `docs/image-format.md`.
//!
//! [`FORMAT_VERSION`] must be raised when any of these change: an offset of the header, the
//! metadata's fields or their order, the order or content of the sections, the meaning of an
//! activation or target code, or the order of operations of [`kernel`](crate::math::kernel).

mod architecture;
mod error;
mod golden;
pub(crate) mod header;
mod metadata;
mod networks;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use crate::math::sizes::{MAX_ACTIONS, MAX_HIDDEN, MAX_OBSERVATIONS};
pub use architecture::{ARCHITECTURE_BYTES, Architecture};
pub use error::{ImageError, Section};
pub use golden::{GoldenMismatch, replay};
pub use header::{FORMAT_VERSION, HEADER_LEN, MAGIC};
pub use metadata::{ActionSignal, Metadata, ObservationSignal, Provenance, Return};
pub use read::{GoldenVector, Image};
pub use write::{Contents, METADATA_CAPACITY, Model, write};
