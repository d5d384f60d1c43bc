//! The two slots of this machine: their addresses, and the reception of a new image.

use crate::controller::usable;
use crate::machine::Memory;
use crate::policy::ARCHITECTURE;
use daa_core::protocol::Transfer;
use daa_core::update::{Boot, Slot, Slots, Stage, Update, UpdateError};

/// All bytes of both slots, in place: slot B, then slot A.
#[must_use]
pub fn slots() -> &'static [u8] {
    unsafe extern "C" {
        static __slots_start: u8;
        static __slots_end: u8;
    }
    let (start, end) = ((&raw const __slots_start).addr(), (&raw const __slots_end).addr());
    let first = core::hint::black_box(core::ptr::with_exposed_provenance::<u8>(start));
    // SAFETY: `memory.x` puts the ends there, and between them is flash. Only a slot whose policy no code
    // uses is ever written.
    unsafe { core::slice::from_raw_parts(first, end - start) }
}

/// All bytes of a slot, in place.
#[must_use]
pub fn bytes(slot: Slot) -> &'static [u8] {
    let (b, a) = slots().split_at(slots().len() / 2);
    match slot {
        Slot::A => a,
        Slot::B => b,
    }
}

/// The slots, the choice of the last boot, and the image that is being received.
pub struct Store {
    slots: Slots<Memory>,
    boot: Boot,
    update: Option<Update>,
}

impl Store {
    /// The slots before a boot.
    #[must_use]
    pub fn new(memory: Memory) -> Self {
        let boot = Boot { active: None, trial: None };
        Self { slots: Slots::new(memory), boot, update: None }
    }

    /// Chooses the images that run. `crashed` counts for one boot only.
    pub fn boot(&mut self, crashed: bool) -> Boot {
        self.boot = self.slots.boot(crashed, usable);
        self.update = None;
        self.boot
    }

    /// The image in a slot, and the bytes after it.
    #[must_use]
    pub fn image(&self, slot: Slot) -> &'static [u8] {
        bytes(slot).get(daa_core::update::RECORD_BYTES..).unwrap_or(&[])
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
                let result = self.slots.commit(&update, usable);
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
