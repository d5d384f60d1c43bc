//! The watchdog of the emulated machine. QEMU emulates no watchdog: the interrupt of a timer replaces it, in
//! emulated time, which stops while the program waits for its host.

use cortex_m::peripheral::NVIC;

/// Registers of TIM2: control, interrupt enable, status, events, prescaler, reload.
const TIM2: usize = 0x4000_0000;
const CR1: usize = TIM2;
const DIER: usize = TIM2 + 0x0C;
const SR: usize = TIM2 + 0x10;
const EGR: usize = TIM2 + 0x14;
const PSC: usize = TIM2 + 0x28;
const ARR: usize = TIM2 + 0x2C;

/// QEMU's timer counts at 1 GHz before its prescaler.
const TIMER_MHZ: u32 = 1000;

/// Number of TIM2 in the vector table of this chip.
pub(crate) const INTERRUPT: i16 = 28;

#[derive(Clone, Copy)]
struct Tim2;

// SAFETY: the number is TIM2's.
unsafe impl cortex_m::interrupt::InterruptNumber for Tim2 {
    fn number(self) -> u16 {
        INTERRUPT as u16
    }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of a timer that no other code uses.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// The timer that replaces a watchdog.
pub(super) struct Watchdog {
    running: bool,
}

impl Watchdog {
    pub(super) const fn new() -> Self {
        Self { running: false }
    }

    /// Starts the watchdog: it must be fed every `us` microseconds.
    pub(super) fn start(&mut self, us: u32) {
        write(PSC, TIMER_MHZ - 1);
        write(ARR, us.max(1));
        write(EGR, 1);
        write(SR, 0);
        write(DIER, 1);
        write(CR1, 1);
        self.running = true;
        // SAFETY: the handler below is ready, and no code relies on it being masked.
        unsafe { NVIC::unmask(Tim2) };
    }

    pub(super) fn feed(&mut self) {
        if self.running {
            // An update event restarts the count.
            write(EGR, 1);
            write(SR, 0);
        }
    }
}
