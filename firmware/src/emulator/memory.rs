//! The flash of the slots. QEMU emulates no flash controller, and it discards what a program writes to
//! flash; but data that semihosting reads from a file may be stored there. So the file `flash.bin` in
//! QEMU's folder is the memory: each operation changes the file first and then reads the change back to
//! its address. When the emulator starts in the same folder again, its flash has the same contents.

use crate::flash::slots;
use daa_core::update::RECORD_BYTES;
use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use semihosting::fs::File;
use semihosting::io::{Read, Seek, SeekFrom, Write};

const FILE: &core::ffi::CStr = c"flash.bin";
const BLOCK: usize = 4096;

/// The flash of both slots.
pub struct Memory {
    file: Option<File>,
}

/// The file cannot be read or written, or the range is not in the slots.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl Memory {
    /// The memory as the last program left it, or as the emulator loaded it. When the file cannot be
    /// created, every write fails.
    #[must_use]
    pub(super) fn open() -> Self {
        let found = File::options().read(true).write(true).open(FILE).ok();
        let mut memory = match found {
            Some(file) => Self { file: Some(file) },
            None => return Self { file: create() },
        };
        if memory.load(0, slots().len()).is_err() {
            memory.file = None;
        }
        memory
    }

    /// Reads a range of the file into flash.
    fn load(&mut self, at: usize, len: usize) -> Result<(), Failed> {
        if at + len > slots().len() {
            return Err(Failed);
        }
        let file = self.file.as_mut().ok_or(Failed)?;
        file.seek(SeekFrom::Start(at as u64)).map_err(|_| Failed)?;
        let address = slots().as_ptr().expose_provenance() + at;
        // SAFETY: these addresses are flash, which the emulator writes; no code holds a reference to the
        // bytes of a slot that is being changed.
        let target = unsafe {
            core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(address), len)
        };
        file.read_exact(target).map_err(|_| Failed)
    }

    /// Writes bytes into the file.
    fn save(&mut self, at: usize, bytes: &[u8]) -> Result<(), Failed> {
        let file = self.file.as_mut().ok_or(Failed)?;
        file.seek(SeekFrom::Start(at as u64)).map_err(|_| Failed)?;
        file.write_all(bytes).map_err(|_| Failed)
    }
}

/// Creates the file with the contents that the emulator loaded. The emulated flash is filled with zeros,
/// the real one with ones: the records are made blank.
fn create() -> Option<File> {
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(FILE).ok()?;
    let mut memory = Memory { file: Some(file) };
    memory.save(0, slots()).ok()?;
    for start in [0, slots().len() / 2] {
        memory.save(start, &[0xFF; RECORD_BYTES]).ok()?;
        memory.load(start, RECORD_BYTES).ok()?;
    }
    memory.file
}

impl ErrorType for Memory {
    type Error = Failed;
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        slots()
    }
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        let stored = slots().get(offset as usize..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(stored.ok_or(Failed)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        slots().len()
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = BLOCK;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        let (from, to) = (from as usize, to as usize);
        for at in (from..to).step_by(BLOCK) {
            self.save(at, &[0xFF; BLOCK])?;
        }
        self.load(from, to.saturating_sub(from))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        let at = offset as usize;
        for (i, word) in bytes.as_chunks::<4>().0.iter().enumerate() {
            let at = at + 4 * i;
            let old = slots().get(at..).and_then(|rest| rest.first_chunk()).ok_or(Failed)?;
            // Writing clears bits of flash, and sets none.
            let value = u32::from_le_bytes(*old) & u32::from_le_bytes(*word);
            self.save(at, &value.to_le_bytes())?;
            self.load(at, 4)?;
        }
        Ok(())
    }
}

impl MultiwriteNorFlash for Memory {}
