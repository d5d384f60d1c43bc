//! The flash of the slots, driven through the registers of the flash controller (RM0090, section 3).
//!
//! Erasing a sector takes one to two seconds, in which flash cannot be read. The code that waits lies in
//! RAM and feeds the watchdog, and interrupts are off. Bytes that arrive meanwhile are lost, so the host
//! waits for its answer.

use crate::flash::slots;
use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

const KEYR: *mut u32 = 0x4002_3C04 as *mut u32;
const SR: *mut u32 = 0x4002_3C0C as *mut u32;
const CR: *mut u32 = 0x4002_3C10 as *mut u32;
const ACR: *mut u32 = 0x4002_3C00 as *mut u32;
/// Key register of the independent watchdog, and the key that feeds it.
const IWDG_KR: *mut u32 = 0x4000_3000 as *mut u32;
const FEED: u32 = 0xAAAA;

const KEYS: [u32; 2] = [0x4567_0123, 0xCDEF_89AB];
const CR_PG: u32 = 1;
const CR_SER: u32 = 1 << 1;
const CR_SNB: u32 = 3;
/// 32 bits at a time: the supply is above 2.7 V.
const CR_PSIZE: u32 = 0b10 << 8;
const CR_STRT: u32 = 1 << 16;
const CR_LOCK: u32 = 1 << 31;
const SR_BSY: u32 = 1 << 16;
/// End of operation, operation, write protection, alignment, parallelism, sequence: written to clear.
const SR_ALL: u32 = 0b1111_0011;
const SR_ERRORS: u32 = 0b1111_0010;
/// Data cache: its reset, which needs it disabled, and its enable.
const ACR_DCRST: u32 = 1 << 12;
const ACR_DCEN: u32 = 1 << 10;

const SECTOR: usize = 128 * 1024;
/// Sector 5 is the first of 128 KiB.
const FIRST_LARGE: usize = 0x0802_0000;

/// The flash controller reported an error, or the range is not in the slots.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// The flash of both slots.
pub struct Memory {
    _only: (),
}

impl Memory {
    /// The memory; there is one.
    pub(super) const fn new() -> Self {
        Self { _only: () }
    }
}

fn unlocked(work: impl FnOnce() -> u32) -> Result<(), Failed> {
    cortex_m::interrupt::free(|_| {
        // SAFETY: registers of the flash controller, which nothing else uses.
        unsafe {
            for key in KEYS {
                KEYR.write_volatile(key);
            }
            SR.write_volatile(SR_ALL);
            let status = work();
            CR.write_volatile(CR_LOCK);
            // The data cache holds the old contents: reset it.
            let access = ACR.read_volatile() & !ACR_DCEN;
            ACR.write_volatile(access);
            ACR.write_volatile(access | ACR_DCRST);
            ACR.write_volatile(access);
            ACR.write_volatile(access | ACR_DCEN);
            if status & SR_ERRORS == 0 { Ok(()) } else { Err(Failed) }
        }
    })
}

/// Starts the operation in the control register, waits for its end, and returns the status. The function
/// lies in RAM and calls no function in flash.
#[inline(never)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.flash_erase")]
extern "C" fn flash_erase(control: u32) -> u32 {
    // SAFETY: as in `unlocked`; the watchdog's key feeds it and does nothing else.
    unsafe {
        CR.write_volatile(control);
        CR.write_volatile(control | CR_STRT);
        while SR.read_volatile() & SR_BSY != 0 {
            IWDG_KR.write_volatile(FEED);
        }
        SR.read_volatile()
    }
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
    const ERASE_SIZE: usize = SECTOR;

    /// Sectors that are blank already stay as they are.
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        let (from, to) = (from as usize, to as usize);
        let range = || slots().get(from..to).ok_or(Failed);
        for (i, sector) in range()?.chunks(SECTOR).enumerate() {
            if sector.iter().all(|byte| *byte == 0xFF) {
                continue;
            }
            let address = slots().as_ptr().addr() + from + i * SECTOR;
            let number = (5 + (address - FIRST_LARGE) / SECTOR) as u32;
            unlocked(|| flash_erase(CR_PSIZE | CR_SER | number << CR_SNB))?;
        }
        match range()?.iter().all(|byte| *byte == 0xFF) {
            true => Ok(()),
            false => Err(Failed),
        }
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        let offset = offset as usize;
        let (words, rest) = bytes.as_chunks::<4>();
        if !offset.is_multiple_of(4) || !rest.is_empty() || offset + bytes.len() > slots().len() {
            return Err(Failed);
        }
        let start = slots().as_ptr().expose_provenance() + offset;
        for (i, word) in words.iter().enumerate() {
            let target = core::ptr::with_exposed_provenance_mut::<u32>(start + 4 * i);
            let value = u32::from_le_bytes(*word);
            // 16 microseconds, during which the core waits for its next instruction.
            unlocked(|| {
                // SAFETY: a word of a slot that no code reads now; the controller is unlocked.
                unsafe {
                    CR.write_volatile(CR_PSIZE | CR_PG);
                    target.write_volatile(value);
                    while SR.read_volatile() & SR_BSY != 0 {}
                    SR.read_volatile()
                }
            })?;
        }
        Ok(())
    }
}

/// Bits of a written word can be cleared by another write.
impl MultiwriteNorFlash for Memory {}
