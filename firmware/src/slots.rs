//! The two slots of this machine: where they lie, and what arrives for them.

use crate::controller::usable;
use crate::machine::Memory;
use crate::policy::ARCHITECTURE;
use daa_core::link::Transfer;
use daa_core::slots::{Boot, Slot, Slots, Stage, Update, UpdateError};

/// First address of a slot, and the first one behind it.
#[must_use]
pub fn place(slot: Slot) -> core::ops::Range<usize> {
    unsafe extern "C" {
        static __slot_a_start: u8;
        static __slot_a_end: u8;
        static __slot_b_start: u8;
        static __slot_b_end: u8;
    }
    match slot {
        Slot::A => (&raw const __slot_a_start).addr()..(&raw const __slot_a_end).addr(),
        Slot::B => (&raw const __slot_b_start).addr()..(&raw const __slot_b_end).addr(),
    }
}

/// All bytes of a slot, where they lie.
#[must_use]
pub fn bytes(slot: Slot) -> &'static [u8] {
    let place = place(slot);
    let start = core::hint::black_box(core::ptr::with_exposed_provenance::<u8>(place.start));
    // SAFETY: `memory.x` puts the ends there, and it is flash. Only a slot whose policy nobody uses is
    // ever written.
    unsafe { core::slice::from_raw_parts(start, place.len()) }
}

/// The slots, and what is going on with them.
pub struct Store {
    slots: Slots<Memory>,
    boot: Boot,
    update: Option<Update>,
}

impl Store {
    /// Before a boot.
    #[must_use]
    pub fn new(memory: Memory) -> Self {
        let boot = Boot { active: None, candidate: None };
        Self { slots: Slots::new(memory), boot, update: None }
    }

    /// Chooses who acts, and who would like to. A crash is one boot's only.
    pub fn boot(&mut self, crashed: bool) -> Boot {
        self.boot = self.slots.boot(crashed, usable);
        self.update = None;
        self.boot
    }

    /// The image in a slot, and what is behind it.
    #[must_use]
    pub fn image(&self, slot: Slot) -> &'static [u8] {
        bytes(slot).get(daa_core::slots::RECORD_BYTES..).unwrap_or(&[])
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
                self.boot.candidate = None;
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

    /// Keeps what became of the candidate.
    pub fn keep(&mut self, stage: Stage) -> bool {
        let Some(slot) = self.boot.candidate else { return false };
        let kept = self.slots.advance(slot, stage).is_ok();
        match stage {
            Stage::Confirmed if kept => {
                self.boot = Boot { active: Some(slot), candidate: None };
            }
            Stage::Rejected => self.boot.candidate = None,
            _ => {}
        }
        kept
    }
}
