//! The slots' flash, through the controller's registers (RM0090, section 3).
//!
//! While a sector is erased, one to two seconds, nothing can be read from flash: the code that waits lies
//! in RAM, feeds the watchdog, and no interrupt is taken. Bytes that arrive meanwhile are lost: the host
//! waits for its answer.

use crate::slots::{bytes, place};
use daa_core::slots::{Flash, Slot};

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

/// The controller said no.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

/// Both slots.
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
            // What the cache remembers is not there any more.
            let access = ACR.read_volatile() & !ACR_DCEN;
            ACR.write_volatile(access);
            ACR.write_volatile(access | ACR_DCRST);
            ACR.write_volatile(access);
            ACR.write_volatile(access | ACR_DCEN);
            if status & SR_ERRORS == 0 { Ok(()) } else { Err(Failed) }
        }
    })
}

/// Starts what the control register says, waits for its end, and returns the status. In RAM, and without a
/// call to anything in flash.
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

impl Flash for Memory {
    type Error = Failed;

    fn bytes(&self, slot: Slot) -> &[u8] {
        bytes(slot)
    }

    /// Sectors that are blank already stay as they are.
    fn erase(&mut self, slot: Slot) -> Result<(), Failed> {
        for (i, sector) in bytes(slot).chunks(SECTOR).enumerate() {
            if sector.iter().all(|byte| *byte == 0xFF) {
                continue;
            }
            let number = (5 + (place(slot).start + i * SECTOR - FIRST_LARGE) / SECTOR) as u32;
            unlocked(|| flash_erase(CR_PSIZE | CR_SER | number << CR_SNB))?;
        }
        match bytes(slot).iter().all(|byte| *byte == 0xFF) {
            true => Ok(()),
            false => Err(Failed),
        }
    }

    fn write(&mut self, slot: Slot, word: usize, value: u32) -> Result<(), Failed> {
        let place = place(slot);
        if word >= place.len() / 4 {
            return Err(Failed);
        }
        let target = core::ptr::with_exposed_provenance_mut::<u32>(place.start + 4 * word);
        // 16 microseconds, during which the core waits for its next instruction.
        unlocked(|| {
            // SAFETY: a word of a slot that nobody reads now; the controller is unlocked.
            unsafe {
                CR.write_volatile(CR_PSIZE | CR_PG);
                target.write_volatile(value);
                while SR.read_volatile() & SR_BSY != 0 {}
                SR.read_volatile()
            }
        })
    }
}
