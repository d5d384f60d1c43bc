//! Slots, and the records at the beginning of a slot.

use crate::math::checksum::IMAGE_CRC;
use serde::{Deserialize, Serialize};

/// Words of a slot before its image: sixteen records.
pub const RECORD_WORDS: usize = 64;
/// The same in bytes.
pub const RECORD_BYTES: usize = 4 * RECORD_WORDS;
pub(super) const WORDS_EACH: usize = 4;
/// Upper half of a record's first word.
const TAG: u32 = 0xDAA5_0000;
pub(super) const BLANK: u32 = u32::MAX;

/// A place for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// Where a programmer puts the image that comes with the firmware.
    A,
    /// The other one.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The slot that this one is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How far an image has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Stage {
    /// It is not whole yet.
    Receiving = 1,
    /// Whole and checked: it computes, and another one acts.
    Shadow = 2,
    /// It acts; the first reset or fault ends that.
    Trial = 3,
    /// It acts.
    Confirmed = 4,
    /// It failed.
    Rejected = 5,
}

impl Stage {
    fn from_code(code: u32) -> Option<Self> {
        [Self::Receiving, Self::Shadow, Self::Trial, Self::Confirmed, Self::Rejected]
            .into_iter()
            .find(|stage| *stage as u32 == code)
    }
}

/// What a slot says about its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// How far it has come.
    pub stage: Stage,
    /// Images count up.
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
