//! Frames: messages as bytes on a serial line.
//!
//! A frame is `COBS(postcard(message) || CRC-32, little-endian)` and one zero byte. COBS leaves no
//! zero inside a frame, so a reader that starts in the middle of a frame is in step again after the next
//! zero.

use crate::math::checksum::FRAME_CRC;
use heapless::Vec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes without a zero than the longest frame contains.
    TooLong,
    /// Fewer bytes than a message and its CRC.
    TooShort,
    /// The bytes are not COBS.
    Encoding,
    /// The CRC-32 does not match.
    Checksum,
    /// The frame is intact, but does not contain a message of the expected type.
    Message,
    /// The buffer to write into is too small.
    BufferTooSmall,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the frame is too long",
            Self::TooShort => "the frame is too short",
            Self::Encoding => "the frame is not COBS",
            Self::Checksum => "the frame's CRC-32 does not match",
            Self::Message => "the frame does not contain a message of this type",
            Self::BufferTooSmall => "the buffer is too small for the frame",
        })
    }
}

impl core::error::Error for FrameError {}

/// Largest frame of a message with `numbers` floats, delimiter included: an upper bound for buffers.
#[must_use]
pub const fn frame_capacity(numbers: usize) -> usize {
    // A reading of a sample takes five bytes; a status is the longest message without numbers.
    let payload = 5 * numbers + 80;
    payload + payload / 254 + 2
}

/// Writes a message as a frame, including its zero byte, and returns the frame.
///
/// # Errors
/// [`FrameError::BufferTooSmall`].
pub fn encode<'b>(message: &impl Serialize, buffer: &'b mut [u8]) -> Result<&'b [u8], FrameError> {
    use postcard::ser_flavors::{Cobs, Slice, crc::CrcModifier};
    let flavour = Cobs::try_new(Slice::new(buffer)).map_err(|_| FrameError::BufferTooSmall)?;
    let flavour = CrcModifier::new(flavour, FRAME_CRC.digest());
    let frame = postcard::serialize_with_flavor(message, flavour)
        .map_err(|_| FrameError::BufferTooSmall)?;
    Ok(frame)
}

/// Reads the message of one frame, without its zero byte, decoding in place.
///
/// # Errors
/// [`FrameError`], one variant for each cause; trailing bytes are [`FrameError::Message`].
pub fn decode<T: DeserializeOwned>(frame: &mut [u8]) -> Result<T, FrameError> {
    let len = cobs::decode_in_place(frame).map_err(|_| FrameError::Encoding)?;
    let decoded = frame.get(..len).ok_or(FrameError::Encoding)?;
    let (payload, crc) = decoded.split_last_chunk::<4>().ok_or(FrameError::TooShort)?;
    if FRAME_CRC.checksum(payload) != u32::from_le_bytes(*crc) {
        return Err(FrameError::Checksum);
    }
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Ok(message),
        _ => Err(FrameError::Message),
    }
}

/// Collects bytes until a zero completes a frame. `CAPACITY` is [`frame_capacity`].
#[derive(Clone, Debug, Default)]
pub struct FrameReader<const CAPACITY: usize> {
    bytes: Vec<u8, CAPACITY>,
    overflowed: bool,
}

impl<const CAPACITY: usize> FrameReader<CAPACITY> {
    /// A reader between two frames.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), overflowed: false }
    }

    /// Takes one byte. A zero completes a frame: the function then returns the frame's message. Empty
    /// frames, two zeros in a row, are skipped.
    pub fn push<T: DeserializeOwned>(&mut self, byte: u8) -> Option<Result<T, FrameError>> {
        if byte != 0 {
            self.overflowed |= self.bytes.push(byte).is_err();
            return None;
        }
        let overflowed = core::mem::take(&mut self.overflowed);
        if self.bytes.is_empty() {
            return None;
        }
        let result = if overflowed { Err(FrameError::TooLong) } else { decode(&mut self.bytes) };
        self.bytes.clear();
        Some(result)
    }
}
