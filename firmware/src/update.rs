//! The update of the policy on this machine: the choice of a boot, and the reception of a new image.

use crate::flash::bytes;
use crate::policy::ARCHITECTURE;
use daa_core::protocol::Transfer;
use daa_core::update::{Boot, RECORD_BYTES, Slot, Slots, Stage, Update, UpdateError};
use embedded_storage::nor_flash::MultiwriteNorFlash;

/// Returns the CRC-32 of the image in a region of flash, or `None` when the firmware cannot run it.
pub type Check = fn(&[u8]) -> Option<u32>;

/// The slots, the choice of the last boot, and the image that is being received.
pub struct Store<F> {
    slots: Slots<F>,
    check: Check,
    boot: Boot,
    update: Option<Update>,
}

impl<F: MultiwriteNorFlash + AsRef<[u8]>> Store<F> {
    /// The slots before a boot.
    #[must_use]
    pub fn new(flash: F, check: Check) -> Self {
        let boot = Boot { active: None, trial: None };
        Self { slots: Slots::new(flash), check, boot, update: None }
    }

    /// Chooses the images that run. `crashed` counts for one boot only.
    pub fn boot(&mut self, crashed: bool) -> Boot {
        self.boot = self.slots.boot(crashed, self.check);
        self.update = None;
        self.boot
    }

    /// The image in a slot, and the bytes after it.
    #[must_use]
    pub fn image(&self, slot: Slot) -> &'static [u8] {
        bytes(slot).get(RECORD_BYTES..).unwrap_or(&[])
    }

    /// Takes a part of a new image.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn transfer(&mut self, transfer: &Transfer) -> Result<u32, UpdateError> {
        match transfer {
            Transfer::Begin { len, checksum, architecture } => {
                let wanted = ARCHITECTURE.hash();
                if *architecture != wanted {
                    return Err(UpdateError::OtherArchitecture { wanted });
                }
                if let Some(update) = self.update.filter(|update| update.is_of(*len, *checksum)) {
                    return Ok(update.received());
                }
                self.update = None;
                let active = self.boot.active.ok_or(UpdateError::Flash)?;
                self.boot.trial = None;
                let update = self.slots.begin(active, *len, *checksum)?;
                Ok(self.update.insert(update).received())
            }
            Transfer::Piece { offset, bytes } => {
                let update = self.update.as_mut().ok_or(UpdateError::NotBegun)?;
                let result = self.slots.piece(update, *offset, bytes);
                let received = update.received();
                if result == Err(UpdateError::Flash) {
                    self.update = None;
                }
                result.map(|()| received)
            }
            Transfer::Commit => {
                let update = self.update.ok_or(UpdateError::NotBegun)?;
                let result = self.slots.commit(&update, self.check);
                if !matches!(result, Err(UpdateError::Offset { .. })) {
                    self.update = None;
                }
                result.map(|_| update.received())
            }
            Transfer::Abort => {
                self.update = None;
                Ok(0)
            }
        }
    }

    /// Records the stage that the new image has reached. Returns false when that fails.
    pub fn keep(&mut self, stage: Stage) -> bool {
        let Some(slot) = self.boot.trial else { return false };
        let kept = self.slots.advance(slot, stage).is_ok();
        match stage {
            Stage::Confirmed if kept => {
                self.boot = Boot { active: Some(slot), trial: None };
            }
            Stage::Rejected => self.boot.trial = None,
            _ => {}
        }
        kept
    }
}
