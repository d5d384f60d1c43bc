//! Receiving a new image, piece by piece, into the slot whose policy does not act.
//!
//! | step | the slot after a power failure during this step |
//! |---|---|
//! | clear the first word of the old image | the old image is invalid and cannot come back while its records are erased |
//! | erase the slot | holds no image |
//! | write a `Receiving` record | holds no image |
//! | write the image's words | holds no image, or a complete image that is marked as being received |
//! | check the image as a boot does | the same |
//! | write a `Shadow` record | holds an image on trial |

use super::error::UpdateError;
use super::record::{BLANK, RECORD_WORDS, Record, Slot, Stage};
use super::slots::Slots;
use crate::image::header::offset;
use embedded_storage::nor_flash::MultiwriteNorFlash;

/// An image that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    pub(super) slot: Slot,
    pub(super) sequence: u32,
    pub(super) len: u32,
    pub(super) checksum: u32,
    pub(super) received: u32,
}

impl Update {
    /// Whether this is the image that is being received.
    #[must_use]
    pub fn is_of(&self, len: u32, checksum: u32) -> bool {
        (self.len, self.checksum) == (len, checksum)
    }

    /// Number of bytes that were received.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.received
    }
}

impl<F: MultiwriteNorFlash + AsRef<[u8]>> Slots<F> {
    /// Erases the slot that does not act for an image of `len` bytes. `active` is the slot whose policy
    /// acts.
    ///
    /// # Errors
    /// [`UpdateError::TooLarge`], [`UpdateError::Flash`].
    pub fn begin(&mut self, active: Slot, len: u32, checksum: u32) -> Result<Update, UpdateError> {
        let slot = active.other();
        let capacity = u32::try_from(self.image(slot).len()).unwrap_or(u32::MAX);
        if len > capacity || len == 0 {
            return Err(UpdateError::TooLarge { capacity });
        }
        if self.record(active).is_none() {
            // The boot could not write this record. Without it the active image would count as newer than
            // every other image.
            let checksum = self.word(active, RECORD_WORDS + offset::CRC / 4).unwrap_or(0);
            let sequence = self.top().saturating_add(1);
            self.append(active, Record { stage: Stage::Confirmed, sequence, checksum })?;
        }
        let sequence = self.top().saturating_add(1);
        if self.word(slot, RECORD_WORDS) != Some(BLANK) {
            self.write(slot, RECORD_WORDS, 0)?;
        }
        self.erase(slot)?;
        self.append(slot, Record { stage: Stage::Receiving, sequence, checksum })?;
        Ok(Update { slot, sequence, len, checksum, received: 0 })
    }

    /// Writes a piece and reads it back. A piece that was received before is accepted again: the host
    /// repeats it when the answer was lost.
    ///
    /// # Errors
    /// [`UpdateError::Offset`] when a piece is missing, ends beyond the image or, but for the last one,
    /// between two words; [`UpdateError::Flash`].
    pub fn piece(
        &mut self,
        update: &mut Update,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), UpdateError> {
        let received = update.received;
        let end = u32::try_from(bytes.len()).ok().and_then(|len| offset.checked_add(len));
        let Some(end) = end.filter(|end| *end <= update.len) else {
            return Err(UpdateError::Offset { received });
        };
        if end <= received {
            return Ok(());
        }
        if offset != received || (end != update.len && !end.is_multiple_of(4)) {
            return Err(UpdateError::Offset { received });
        }
        for (i, bytes) in bytes.chunks(4).enumerate() {
            let mut word = [0xFF; 4];
            word.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
            let (at, word) = (RECORD_WORDS + offset as usize / 4 + i, u32::from_le_bytes(word));
            self.write(update.slot, at, word)?;
            if self.word(update.slot, at) != Some(word) {
                return Err(UpdateError::Flash);
            }
        }
        update.received = end;
        Ok(())
    }

    /// Checks the whole image, as a boot does, and marks it for a trial. Returns its slot.
    ///
    /// # Errors
    /// [`UpdateError::Offset`] when bytes are missing; [`UpdateError::Image`]; [`UpdateError::Flash`].
    pub fn commit(
        &mut self,
        update: &Update,
        check: impl Fn(&[u8]) -> Option<u32>,
    ) -> Result<Slot, UpdateError> {
        let Update { slot, sequence, checksum, received, .. } = *update;
        if received != update.len {
            return Err(UpdateError::Offset { received });
        }
        if check(self.image(slot)) != Some(checksum) {
            return Err(UpdateError::Image);
        }
        self.append(slot, Record { stage: Stage::Shadow, sequence, checksum })?;
        Ok(slot)
    }
}
