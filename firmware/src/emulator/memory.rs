//! The slots' flash. QEMU has no flash controller, and what a program writes to flash is lost; but what
//! semihosting reads from a file may land there. So the file `flash.bin` in QEMU's folder is the
//! memory, and each operation changes the file first and then reads the change back to where it
//! belongs. When the emulator starts in the same folder again, its flash is as it was.

use crate::slots::{bytes, place};
use daa_core::slots::{Flash, RECORD_BYTES, Slot};
use semihosting::fs::File;
use semihosting::io::{Read, Seek, SeekFrom, Write};

const FILE: &core::ffi::CStr = c"flash.bin";
const BLOCK: usize = 4096;

/// Both slots, B first.
pub struct Memory {
    file: Option<File>,
}

/// The file, or the memory behind it, is not there.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

impl Memory {
    /// The memory as the last program left it, else as the emulator loaded it. Without a place for the
    /// file nothing can be written.
    #[must_use]
    pub(super) fn open() -> Self {
        let found = File::options().read(true).write(true).open(FILE).ok();
        let mut memory = match found {
            Some(file) => Self { file: Some(file) },
            None => return Self { file: create() },
        };
        if Slot::ALL.into_iter().any(|slot| memory.load(slot, 0, place(slot).len()).is_err()) {
            memory.file = None;
        }
        memory
    }

    /// From the file into the slot.
    fn load(&mut self, slot: Slot, at: usize, len: usize) -> Result<(), Failed> {
        let file = self.file.as_mut().ok_or(Failed)?;
        file.seek(SeekFrom::Start(offset(slot, at))).map_err(|_| Failed)?;
        let address = place(slot).start + at;
        // SAFETY: these addresses are flash, which the emulator writes; nobody holds a reference to the
        // bytes of a slot that is being changed.
        let target = unsafe {
            core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(address), len)
        };
        file.read_exact(target).map_err(|_| Failed)
    }

    fn save(&mut self, slot: Slot, at: usize, bytes: &[u8]) -> Result<(), Failed> {
        let file = self.file.as_mut().ok_or(Failed)?;
        file.seek(SeekFrom::Start(offset(slot, at))).map_err(|_| Failed)?;
        file.write_all(bytes).map_err(|_| Failed)
    }
}

/// A file with what the emulator loaded. Its flash is full of zeros, which the real one is not: the
/// records are made blank.
fn create() -> Option<File> {
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(FILE).ok()?;
    let mut memory = Memory { file: Some(file) };
    for slot in Slot::ALL {
        memory.save(slot, 0, &[0xFF; RECORD_BYTES]).ok()?;
        memory.save(slot, RECORD_BYTES, bytes(slot).get(RECORD_BYTES..)?).ok()?;
        memory.load(slot, 0, RECORD_BYTES).ok()?;
    }
    memory.file
}

fn offset(slot: Slot, at: usize) -> u64 {
    (place(slot).start - place(Slot::B).start + at) as u64
}

impl Flash for Memory {
    type Error = Failed;

    fn bytes(&self, slot: Slot) -> &[u8] {
        bytes(slot)
    }

    fn erase(&mut self, slot: Slot) -> Result<(), Failed> {
        let len = place(slot).len();
        for at in (0..len).step_by(BLOCK) {
            self.save(slot, at, &[0xFF; BLOCK])?;
        }
        self.load(slot, 0, len)
    }

    fn write(&mut self, slot: Slot, word: usize, value: u32) -> Result<(), Failed> {
        let at = 4 * word;
        let old = bytes(slot).get(at..).and_then(|bytes| bytes.first_chunk()).ok_or(Failed)?;
        // Flash clears bits, and sets none.
        let value = u32::from_le_bytes(*old) & value;
        self.save(slot, at, &value.to_le_bytes())?;
        self.load(slot, at, 4)
    }
}
