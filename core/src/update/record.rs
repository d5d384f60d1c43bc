//! Slots, and the records at the beginning of a slot.

use crate::math::checksum::IMAGE_CRC;
use serde::{Deserialize, Serialize};

/// Number of words before a slot's image: sixteen records.
pub const RECORD_WORDS: usize = 64;
/// Number of bytes before a slot's image.
pub const RECORD_BYTES: usize = 4 * RECORD_WORDS;
pub(super) const WORDS_EACH: usize = 4;
/// Upper half of a record's first word.
const TAG: u32 = 0xDAA5_0000;
pub(super) const BLANK: u32 = u32::MAX;

/// A place for an image in flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// The slot that a programmer fills together with the firmware.
    A,
    /// The other slot.
    B,
}

impl Slot {
    /// Both slots.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The other slot.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The stage of an image between its reception and its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Stage {
    /// The image is being received.
    Receiving = 1,
    /// The image is complete and checked: its policy computes actions while another policy acts.
    Shadow = 2,
    /// The policy acts on trial: the first reset or fault rejects it.
    Trial = 3,
    /// The policy acts.
    Confirmed = 4,
    /// The policy failed and never acts again.
    Rejected = 5,
}

impl Stage {
    fn from_code(code: u32) -> Option<Self> {
        [Self::Receiving, Self::Shadow, Self::Trial, Self::Confirmed, Self::Rejected]
            .into_iter()
            .find(|stage| *stage as u32 == code)
    }
}

/// A record about the image of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The stage of the image.
    pub stage: Stage,
    /// Sequence number: a newer image has a larger number.
    pub sequence: u32,
    /// CRC-32 of the image.
    pub checksum: u32,
}

impl Record {
    pub(super) fn to_words(self) -> [u32; WORDS_EACH] {
        let head = [TAG | self.stage as u32, self.sequence, self.checksum];
        [head[0], head[1], head[2], crc(head)]
    }

    pub(super) fn from_words(words: [u32; WORDS_EACH]) -> Option<Self> {
        let [tag, sequence, checksum, stored] = words;
        let sound = tag & 0xFFFF_0000 == TAG && stored == crc([tag, sequence, checksum]);
        let stage = Stage::from_code(tag & 0xFFFF).filter(|_| sound)?;
        Some(Self { stage, sequence, checksum })
    }
}

fn crc(words: [u32; 3]) -> u32 {
    let mut bytes = [0; 12];
    for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    IMAGE_CRC.checksum(&bytes)
}
