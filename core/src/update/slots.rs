//! Two slots in flash, and the choice between their images at boot.

use super::error::UpdateError;
use super::record::{BLANK, RECORD_BYTES, RECORD_WORDS, Record, Slot, Stage, WORDS_EACH};
use embedded_storage::nor_flash::MultiwriteNorFlash;

/// Which images run after a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The slot of the newest confirmed image, whose policy acts.
    pub active: Option<Slot>,
    /// The slot of a newer image, which runs in shadow.
    pub trial: Option<Slot>,
}

/// Two slots of equal length in one flash memory: slot B first, then slot A.
///
/// The memory is read in place, through `AsRef<[u8]>`. Words are written one at a time, and a word that
/// is already written may be cleared to zero. Erased bytes are `0xFF`.
#[derive(Clone, Debug)]
pub struct Slots<F> {
    pub(super) flash: F,
}

impl<F: MultiwriteNorFlash + AsRef<[u8]>> Slots<F> {
    /// The slots of a flash memory.
    pub const fn new(flash: F) -> Self {
        const { assert!(4usize.is_multiple_of(F::WRITE_SIZE), "the flash is written in words") };
        Self { flash }
    }

    /// The flash memory.
    pub fn flash(&self) -> &F {
        &self.flash
    }

    /// Bytes of a slot.
    fn slot_len(&self) -> usize {
        self.flash.as_ref().len() / 2
    }

    /// Offset of a slot in the flash memory.
    fn start(&self, slot: Slot) -> usize {
        match slot {
            Slot::A => self.slot_len(),
            Slot::B => 0,
        }
    }

    /// All bytes of a slot.
    fn bytes(&self, slot: Slot) -> &[u8] {
        let (start, len) = (self.start(slot), self.slot_len());
        self.flash.as_ref().get(start..start + len).unwrap_or(&[])
    }

    /// The bytes after a slot's records.
    pub fn image(&self, slot: Slot) -> &[u8] {
        self.bytes(slot).get(RECORD_BYTES..).unwrap_or(&[])
    }

    pub(super) fn word(&self, slot: Slot, word: usize) -> Option<u32> {
        let bytes = self.bytes(slot).get(4 * word..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// Clears the bits of a word that are 0 in `value`. After an error the word's contents are unknown.
    pub(super) fn write(&mut self, slot: Slot, word: usize, value: u32) -> Result<(), UpdateError> {
        if word >= self.slot_len() / 4 {
            return Err(UpdateError::Flash);
        }
        let offset = (self.start(slot) + 4 * word) as u32;
        self.flash.write(offset, &value.to_le_bytes()).map_err(|_| UpdateError::Flash)
    }

    /// Erases a slot, sector by sector. After an error the slot's contents are unknown.
    pub(super) fn erase(&mut self, slot: Slot) -> Result<(), UpdateError> {
        let start = self.start(slot);
        let end = start + self.slot_len();
        self.flash.erase(start as u32, end as u32).map_err(|_| UpdateError::Flash)
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

    /// The last valid record.
    pub fn record(&self, slot: Slot) -> Option<Record> {
        self.entries(slot).filter_map(|(_, words)| Record::from_words(words)).last()
    }

    /// Largest sequence number of any record.
    pub(super) fn top(&self) -> u32 {
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
        // After the last entry that is not blank. Some words of a torn record may be blank.
        let used = self.entries(slot).filter(|(_, words)| *words != [BLANK; WORDS_EACH]).last();
        let at = used.map_or(0, |(at, _)| at + WORDS_EACH);
        if at >= RECORD_WORDS {
            return Err(UpdateError::Flash);
        }
        for (i, word) in record.to_words().into_iter().enumerate() {
            self.write(slot, at + i, word)?;
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

    /// Chooses the images that run. `check` returns the CRC-32 of a usable image; `crashed` tells that
    /// the last program ended with a crash. When a record cannot be written, the next boot decides
    /// again, in the same way.
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
            trial: waiting.filter(newer).map(|(slot, _)| slot),
        }
    }
}
