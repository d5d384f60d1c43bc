//! The policy image, a `.daa` file: one checked block of bytes from the trainer to flash.
//!
//! Header (fixed bytes) -> passport (postcard) -> sections of little-endian `f32`, 4-byte aligned,
//! weights `[in][out]`. Nothing is decoded before magic, format version, total length, architecture
//! hash and CRC-32 hold. Weights are used in place, never copied. The specification, with a hex dump
//! that a test parses, is `docs/image-format.md`.
//!
//! [`FORMAT_VERSION`] must be raised when any of these change: an offset of the header, the
//! passport's fields or their order, the order or content of the sections, the meaning of an
//! activation or target code, or the order of operations of [`kernel`](crate::kernel).

mod architecture;
mod error;
mod golden;
mod networks;
mod passport;
mod read;
mod write;

pub use crate::sizes::{MAX_ACTIONS, MAX_HIDDEN, MAX_OBSERVATIONS};
pub use architecture::{ARCHITECTURE_BYTES, Architecture};
pub use error::{ImageError, Section};
pub use golden::{GoldenMismatch, replay};
pub use passport::{ActionSignal, ObservationSignal, Passport, Provenance, Return};
pub use read::{GoldenVector, Image};
pub use write::{Contents, Model, PASSPORT_CAPACITY, write};

/// First bytes of every image. The line ends show a transfer that translated them.
pub const MAGIC: [u8; 8] = *b"DAA\x1a\r\n\n\0";
/// Version of the layout that this crate reads and writes.
pub const FORMAT_VERSION: u16 = 2;
/// Bytes before the passport.
pub const HEADER_LEN: usize = 64;

/// Byte offsets of the header's fields, all little-endian.
pub(crate) mod offset {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const HEADER_LEN: usize = 10;
    pub(crate) const TOTAL_LEN: usize = 12;
    pub(crate) const ARCHITECTURE_HASH: usize = 16;
    pub(crate) const CRC: usize = 20;
    pub(crate) const ARCHITECTURE: usize = 24;
    pub(crate) const PASSPORT_LEN: usize = 48;
    pub(crate) const GOLDEN_COUNT: usize = 52;
    pub(crate) const RESERVED: usize = 56;
}

/// One table on the microcontroller (1 KiB of flash), sixteen on a workstation.
#[cfg(target_os = "none")]
type CrcTable = crc::Table<1>;
#[cfg(not(target_os = "none"))]
type CrcTable = crc::Table<16>;

static CRC: crc::Crc<u32, CrcTable> = crc::Crc::<u32, CrcTable>::new(&crc::CRC_32_ISO_HDLC);

/// CRC-32 (ISO-HDLC, the one of zip and Ethernet) over everything but the CRC's own field.
pub(crate) fn checksum(image: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    if let Some((before, rest)) = image.split_at_checked(offset::CRC) {
        digest.update(before);
        digest.update(rest.get(4..).unwrap_or(&[]));
    }
    digest.finalize()
}

/// CRC-32 of any bytes, for what is kept beside an image.
pub(crate) fn checksum_of(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// Length of a passport with its zero padding: sections start 4-byte aligned.
pub(crate) const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

#[cfg(test)]
mod tests;
