//! A new image, piece by piece, into the slot whose policy does not act.
//!
//! | step | after a power failure here |
//! |---|---|
//! | the old image's first word is cleared | that image is no image any more: nothing it was can come back while its records vanish |
//! | the slot is erased | no image |
//! | a `Receiving` record | no image |
//! | the image's words | no image, or a whole one that is only received |
//! | the checks of a boot | the same |
//! | a `Shadow` record | a candidate |

use super::{BLANK, Flash, RECORD_WORDS, Record, Slot, Slots, Stage};
use crate::image::offset;
use serde::{Deserialize, Serialize};

/// Why a new image was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UpdateError {
    /// This machine has one slot.
    Unsupported,
    /// The actuators are not safe.
    NotSafe,
    /// Another new image is on trial.
    OnTrial,
    /// The image is larger than a slot.
    TooLarge {
        /// Bytes that an image may have.
        capacity: u32,
    },
    /// The firmware was built for other networks.
    OtherArchitecture {
        /// Architecture hash that is wanted.
        wanted: u32,
    },
    /// Nothing was begun.
    NotBegun,
    /// A piece is missing, or was cut.
    Offset {
        /// Bytes that have arrived.
        received: u32,
    },
    /// The memory cannot be erased or written.
    Flash,
    /// What arrived is not a usable image, or not the one that was announced.
    Image,
}

impl core::fmt::Display for UpdateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unsupported => f.write_str("this machine has no second slot"),
            Self::NotSafe => f.write_str("the actuators are not safe: disarm first"),
            Self::OnTrial => f.write_str("another new image is on trial: let it end, or reset"),
            Self::TooLarge { capacity } => write!(f, "an image may have {capacity} bytes"),
            Self::OtherArchitecture { wanted } => write!(
                f,
                "the firmware was built for other networks ({wanted:08x}): flash a firmware with this image"
            ),
            Self::NotBegun => f.write_str("no image was announced"),
            Self::Offset { received } => write!(f, "{received} bytes have arrived"),
            Self::Flash => f.write_str("the flash memory cannot be erased or written"),
            Self::Image => f.write_str("what arrived is not a usable image"),
        }
    }
}

impl core::error::Error for UpdateError {}

/// An image on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    pub(super) slot: Slot,
    pub(super) sequence: u32,
    pub(super) len: u32,
    pub(super) checksum: u32,
    pub(super) received: u32,
}

impl Update {
    /// Whether this is the image that is on its way.
    #[must_use]
    pub fn is_of(&self, len: u32, checksum: u32) -> bool {
        (self.len, self.checksum) == (len, checksum)
    }

    /// Bytes that have arrived.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.received
    }
}

impl<F: Flash> Slots<F> {
    /// Makes room for an image of `len` bytes. `active` is the slot whose policy acts.
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
            // The boot could not write it. Without it the active image would stay newer than any other.
            let checksum = self.word(active, RECORD_WORDS + offset::CRC / 4).unwrap_or(0);
            let sequence = self.top().saturating_add(1);
            self.append(active, Record { stage: Stage::Confirmed, sequence, checksum })?;
        }
        let sequence = self.top().saturating_add(1);
        if self.word(slot, RECORD_WORDS) != Some(BLANK) {
            self.flash.write(slot, RECORD_WORDS, 0).map_err(|_| UpdateError::Flash)?;
        }
        self.flash.erase(slot).map_err(|_| UpdateError::Flash)?;
        self.append(slot, Record { stage: Stage::Receiving, sequence, checksum })?;
        Ok(Update { slot, sequence, len, checksum, received: 0 })
    }

    /// Writes a piece and reads it back. A piece that has arrived already is taken for what it is: its
    /// answer was lost.
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
            self.flash.write(update.slot, at, word).map_err(|_| UpdateError::Flash)?;
            if self.word(update.slot, at) != Some(word) {
                return Err(UpdateError::Flash);
            }
        }
        update.received = end;
        Ok(())
    }

    /// Checks the whole image, as a boot does, and makes it a candidate. Returns its slot.
    ///
    /// # Errors
    /// [`UpdateError::Offset`] when something is missing; [`UpdateError::Image`]; [`UpdateError::Flash`].
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
