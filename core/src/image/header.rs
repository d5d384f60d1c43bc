//! The header of an image: constants, offsets, checksum.

use crate::math::checksum::IMAGE_CRC;

/// First bytes of every image. A transfer that translates line ends changes them.
pub const MAGIC: [u8; 8] = *b"DAA\x1a\r\n\n\0";
/// Version of the layout that this crate reads and writes.
pub const FORMAT_VERSION: u16 = 2;
/// Bytes before the metadata.
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
    pub(crate) const METADATA_LEN: usize = 48;
    pub(crate) const GOLDEN_COUNT: usize = 52;
    pub(crate) const RESERVED: usize = 56;
}

/// CRC-32 (ISO-HDLC, the one of zip and Ethernet) over everything but the CRC's own field.
pub(crate) fn checksum(image: &[u8]) -> u32 {
    let mut digest = IMAGE_CRC.digest();
    if let Some((before, rest)) = image.split_at_checked(offset::CRC) {
        digest.update(before);
        digest.update(rest.get(4..).unwrap_or(&[]));
    }
    digest.finalize()
}

/// Length of a metadata with its zero padding: sections start 4-byte aligned.
pub(crate) const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}
