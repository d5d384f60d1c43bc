//! Two places for a policy's image, and which of them acts.
//!
//! | file | what |
//! |---|---|
//! | this one | slots, their records, the choice at boot |
//! | `update` | a new image into the slot that does not act |
//! | `probation` | when a new image has proved itself |
//!
//! A slot is [`RECORD_BYTES`] of records and then the image. A record is four words: tag and stage, the
//! image's sequence number, the image's CRC-32, a CRC-32 of these three. Records are only ever appended;
//! the last one that holds counts, and a torn one is nobody's. Nothing is written to the slot whose
//! policy acts but records, so there is no operation at which power may not fail.
//!
//! | last record | at boot |
//! |---|---|
//! | none | slot A: put there by a programmer, hence wanted: recorded as confirmed, newest of all; slot B: ignored |
//! | [`Receiving`](Stage::Receiving) | ignored |
//! | [`Shadow`](Stage::Shadow) | a candidate; after a crash rejected |
//! | [`Trial`](Stage::Trial) | the trial ended with a reset: rejected |
//! | [`Confirmed`](Stage::Confirmed) | the newest of them acts |
//! | [`Rejected`](Stage::Rejected) | ignored |

mod probation;
#[cfg(test)]
mod tests;
mod update;

pub use probation::Probation;
pub use update::{Update, UpdateError};

use crate::image::checksum_of;
use serde::{Deserialize, Serialize};

/// Words of a slot before its image: sixteen records.
pub const RECORD_WORDS: usize = 64;
/// The same in bytes.
pub const RECORD_BYTES: usize = 4 * RECORD_WORDS;
const WORDS_EACH: usize = 4;
/// Upper half of a record's first word.
const TAG: u32 = 0xDAA5_0000;
const BLANK: u32 = u32::MAX;

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

/// Flash memory of two slots that is read in place. Erased bytes are `0xFF`.
pub trait Flash {
    /// Why an operation failed.
    type Error;
    /// All bytes of a slot.
    fn bytes(&self, slot: Slot) -> &[u8];
    /// Erases a slot, sector by sector.
    ///
    /// # Errors
    /// The slot's contents are then unknown.
    fn erase(&mut self, slot: Slot) -> Result<(), Self::Error>;
    /// Clears the bits of a word that are 0 in `value`.
    ///
    /// # Errors
    /// The word's contents are then unknown.
    fn write(&mut self, slot: Slot, word: usize, value: u32) -> Result<(), Self::Error>;
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
    fn to_words(self) -> [u32; WORDS_EACH] {
        let head = [TAG | self.stage as u32, self.sequence, self.checksum];
        [head[0], head[1], head[2], crc(head)]
    }

    fn from_words(words: [u32; WORDS_EACH]) -> Option<Self> {
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
    checksum_of(&bytes)
}

/// Who acts after a boot, and who would like to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The newest confirmed image.
    pub active: Option<Slot>,
    /// A newer one, which is to run in shadow.
    pub candidate: Option<Slot>,
}

/// Two slots.
#[derive(Clone, Debug)]
pub struct Slots<F> {
    flash: F,
}

impl<F: Flash> Slots<F> {
    /// The slots of a flash memory.
    pub const fn new(flash: F) -> Self {
        Self { flash }
    }

    /// The memory.
    pub fn flash(&self) -> &F {
        &self.flash
    }

    /// The bytes after a slot's records.
    pub fn image(&self, slot: Slot) -> &[u8] {
        self.flash.bytes(slot).get(RECORD_BYTES..).unwrap_or(&[])
    }

    fn word(&self, slot: Slot, word: usize) -> Option<u32> {
        let bytes = self.flash.bytes(slot).get(4 * word..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn entry(&self, slot: Slot, at: usize) -> Option<[u32; WORDS_EACH]> {
        let mut words = [0; WORDS_EACH];
        for (i, slot_word) in words.iter_mut().enumerate() {
            *slot_word = self.word(slot, at + i)?;
        }
        Some(words)
    }

    fn entries(&self, slot: Slot) -> impl Iterator<Item = (usize, [u32; WORDS_EACH])> + '_ {
        let at = (0..RECORD_WORDS).step_by(WORDS_EACH);
        at.filter_map(move |at| Some((at, self.entry(slot, at)?)))
    }

    /// The last record that holds.
    pub fn record(&self, slot: Slot) -> Option<Record> {
        self.entries(slot).filter_map(|(_, words)| Record::from_words(words)).last()
    }

    /// Largest sequence number of any record.
    fn top(&self) -> u32 {
        let records = Slot::ALL
            .into_iter()
            .flat_map(|slot| self.entries(slot).filter_map(|(_, words)| Record::from_words(words)));
        records.map(|record| record.sequence).max().unwrap_or(0)
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`UpdateError::Flash`] when the memory fails or no entry is left.
    pub fn append(&mut self, slot: Slot, record: Record) -> Result<(), UpdateError> {
        // After the last entry that is not blank: a torn record may look blank in places.
        let used = self.entries(slot).filter(|(_, words)| *words != [BLANK; WORDS_EACH]).last();
        let at = used.map_or(0, |(at, _)| at + WORDS_EACH);
        if at >= RECORD_WORDS {
            return Err(UpdateError::Flash);
        }
        for (i, word) in record.to_words().into_iter().enumerate() {
            self.flash.write(slot, at + i, word).map_err(|_| UpdateError::Flash)?;
        }
        match self.record(slot) == Some(record) {
            true => Ok(()),
            false => Err(UpdateError::Flash),
        }
    }

    /// Appends a record about the image whose record is the last one.
    ///
    /// # Errors
    /// As [`append`](Self::append), and when there is no image.
    pub fn advance(&mut self, slot: Slot, stage: Stage) -> Result<(), UpdateError> {
        let record = self.record(slot).ok_or(UpdateError::Flash)?;
        self.append(slot, Record { stage, ..record })
    }

    /// Chooses who acts. `check` gives the CRC-32 of a usable image; `crashed` tells that the program
    /// did not end as it should. What cannot be written is decided in the same way at the next boot.
    pub fn boot(&mut self, crashed: bool, check: impl Fn(&[u8]) -> Option<u32>) -> Boot {
        let top = self.top();
        let mut best: Option<(Slot, u32)> = None;
        let mut waiting = None;
        for slot in Slot::ALL {
            let Some(checksum) = check(self.image(slot)) else { continue };
            let record = self.record(slot);
            let sequence = match record {
                None if slot == Slot::A => {
                    let sequence = top.saturating_add(1);
                    let record = Record { stage: Stage::Confirmed, sequence, checksum };
                    let _ = self.append(slot, record);
                    sequence
                }
                Some(record) if record.checksum == checksum => match record.stage {
                    Stage::Confirmed => record.sequence,
                    Stage::Shadow if !crashed => {
                        waiting = Some((slot, record.sequence));
                        continue;
                    }
                    Stage::Shadow | Stage::Trial => {
                        let _ = self.advance(slot, Stage::Rejected);
                        continue;
                    }
                    Stage::Receiving | Stage::Rejected => continue,
                },
                _ => continue,
            };
            if best.is_none_or(|(_, before)| sequence > before) {
                best = Some((slot, sequence));
            }
        }
        let newer =
            |(_, sequence): &(Slot, u32)| best.is_some_and(|(_, before)| *sequence > before);
        Boot {
            active: best.map(|(slot, _)| slot),
            candidate: waiting.filter(newer).map(|(slot, _)| slot),
        }
    }
}
