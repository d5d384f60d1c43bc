//! The hardware of `qemu-system-arm -M netduinoplus2`: an STM32F405 without clock set-up, watchdog or
//! actuators. Link and log use semihosting, in the folder in which QEMU runs.

use crate::failure::{Exit, Failure};
use crate::policy::ACT;
use crate::update::{Check, Store};
use crate::{events, stack};
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use daa_core::protocol::ResetCause;
use daa_core::protocol::Transfer;
use daa_core::safety::Debounce;
use daa_core::safety::{ActuatorRange, Command};
use daa_core::supervisor::{self, Event};
use daa_core::update::{Stage, UpdateError};
use defmt_semihosting as _;
use semihosting::fs::{self, File};
use semihosting::io::{Read, Write};
use semihosting::process;

mod memory;
mod watchdog;

pub use memory::Memory;
pub(crate) use watchdog::INTERRUPT as WATCHDOG_INTERRUPT;

/// The SysTick counter has 24 bits and counts down: 780 000 instructions, fewer than a wide policy has.
const COUNTER_BITS: u32 = 24;
const COUNTER_MASK: u32 = (1 << COUNTER_BITS) - 1;

/// Number of times that the counter wrapped.
static WRAPS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    WRAPS.fetch_add(1, Ordering::Relaxed);
}

/// The map to the actuators' units. The simulator behind the link takes actions as they are.
pub const ACTUATORS: [ActuatorRange; ACT] = [ActuatorRange { at_low: 0.0, at_high: 1.0 }; ACT];

/// Periods without a good tick until the watchdog expires, in emulated time.
const WATCHDOG_PERIODS: u32 = 8;
const _: () = assert!(WATCHDOG_PERIODS > Debounce::DEFAULT.hold as u32 + 2);

/// File that tells the next program how this program ended: one byte, the exit code.
const CRASHED: &core::ffi::CStr = c"crashed";

/// The emulated machine.
pub struct Machine {
    link: Option<(File, File)>,
    /// The plant's time: this machine's own clock is independent of the simulator's clock.
    now_us: u32,
    period_us: u32,
    watchdog: watchdog::Watchdog,
    store: Store<Memory>,
    reset: ResetCause,
    crashed: bool,
}

impl Machine {
    /// Starts the tick counter. `check` decides whether an image can run. The simulator behind the link is the
    /// only actuator.
    #[must_use]
    pub fn start(check: Check) -> Self {
        if let Some(mut core) = cortex_m::Peripherals::take() {
            core.SYST.set_clock_source(SystClkSource::Core);
            core.SYST.set_reload(COUNTER_MASK);
            core.SYST.clear_current();
            core.SYST.enable_interrupt();
            core.SYST.enable_counter();
        }
        let reset = reset_cause();
        Self {
            link: None,
            now_us: 0,
            period_us: 0,
            watchdog: watchdog::Watchdog::new(),
            store: Store::new(Memory::open(), check),
            reset,
            crashed: reset.is_crash(),
        }
    }

    /// The slots.
    pub fn store(&mut self) -> &mut Store<Memory> {
        &mut self.store
    }

    /// Whether the last program crashed. Only the first call returns true: a crash counts for one boot.
    pub fn take_crash(&mut self) -> bool {
        core::mem::take(&mut self.crashed)
    }

    /// Why this program was started.
    #[must_use]
    pub fn reset_cause(&self) -> ResetCause {
        self.reset
    }

    /// Sets the control period.
    pub fn set_period(&mut self, period_us: u32) {
        self.period_us = period_us;
    }

    /// Opens `request.fifo`, then `reply.fifo`: each waits until the host has opened its end. Then the
    /// watchdog starts.
    ///
    /// # Errors
    /// [`Failure::LinkNotOpened`].
    pub fn connect(&mut self) -> Result<(), Failure> {
        if self.link.is_some() {
            return Ok(());
        }
        let requests =
            File::open(c"request.fifo").map_err(|_| Failure::LinkNotOpened("request.fifo"))?;
        let replies =
            File::create(c"reply.fifo").map_err(|_| Failure::LinkNotOpened("reply.fifo"))?;
        self.link = Some((requests, replies));
        self.watchdog.start(self.period_us.saturating_mul(WATCHDOG_PERIODS));
        Ok(())
    }

    /// Ends QEMU with this exit status.
    pub fn halt(&mut self, exit: Exit) -> ! {
        abort(exit)
    }
}

impl supervisor::Machine<ACT> for Machine {
    type Error = Failure;

    fn now(&self) -> u32 {
        self.now_us
    }

    fn plant_time(&mut self, time_us: Option<u32>) {
        self.now_us = time_us.unwrap_or(self.now_us.wrapping_add(self.period_us));
    }

    /// Waits without a deadline unless `wait` is 0: the simulator's clock is not this machine's clock.
    fn receive(&mut self, bytes: &mut [u8], wait: u32) -> Result<usize, Failure> {
        let (requests, _) = self.link.as_mut().ok_or(Failure::LinkClosed)?;
        if wait == 0 {
            return Ok(0);
        }
        match requests.read(bytes) {
            Ok(len) if len > 0 => Ok(len),
            _ => Err(Failure::LinkClosed),
        }
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        let (_, replies) = self.link.as_mut().ok_or(Failure::LinkClosed)?;
        replies.write_all(frame).map_err(|_| Failure::LinkClosed)
    }

    /// The reply carries the action to the simulated actuators.
    fn actuate(&mut self, _command: &Command<ACT>) {}

    /// A refusal tells the simulator to make its actuators safe.
    fn make_safe(&mut self) {}

    fn feed(&mut self) {
        self.watchdog.feed();
    }

    fn log(&mut self, tick: u32, event: &Event) {
        events::log(tick, event);
    }

    /// Switches the machine off.
    fn goodbye(&mut self) {
        self.halt(Exit::Done)
    }

    fn cycles(&self) -> u32 {
        ticks()
    }

    fn cycles_since(&self, begin: u32) -> u32 {
        ticks_since(begin)
    }

    fn stack_high_water(&self) -> u32 {
        stack::high_water()
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<u32, UpdateError> {
        self.store.transfer(transfer)
    }

    fn restart(&mut self) -> Result<(), Failure> {
        Err(Failure::Updated)
    }

    fn keep(&mut self, stage: Stage) -> bool {
        self.store.keep(stage)
    }
}

/// The cause of the reset: how the last program in this folder ended. The file is deleted, so that the cause
/// counts once. Without a file the emulator was switched on.
fn reset_cause() -> ResetCause {
    let Ok(mut file) = File::open(CRASHED) else { return ResetCause::Power };
    let mut code = [Exit::Panic as u8];
    // An empty file counts as a panic.
    let _ = file.read(&mut code);
    drop(file);
    let _ = fs::remove_file(CRASHED);
    match code {
        [code] if code == Exit::Watchdog as u8 => ResetCause::Watchdog,
        _ => ResetCause::Program,
    }
}

/// Converts microseconds into ticks of the control clock, which counts microseconds.
#[must_use]
pub const fn ticks_of(us: u32) -> u32 {
    us
}

/// [`Machine::make_safe`] for a program that is broken.
pub fn emergency_stop() {
    defmt::error!("actuators safe");
}

/// [`Machine::halt`] for a program that is broken.
pub fn abort(exit: Exit) -> ! {
    if matches!(exit, Exit::Panic | Exit::Fault | Exit::Watchdog) {
        // The next program in this folder reads this file to find the cause of its reset.
        if let Ok(mut file) = File::create(CRASHED) {
            let _ = file.write_all(&[exit as u8]);
        }
    }
    process::exit(exit as i32)
}

/// The interrupt handler: the watchdog expired.
pub(crate) fn bite() -> ! {
    emergency_stop();
    defmt::error!("watchdog: no good tick for too long");
    abort(Exit::Watchdog)
}

/// The clock: with `-icount shift=7`, 21.504 ticks are one instruction.
#[must_use]
#[inline]
pub fn ticks() -> u32 {
    loop {
        let wraps = WRAPS.load(Ordering::Relaxed);
        let counted = SYST::get_current().wrapping_neg() & COUNTER_MASK;
        // Otherwise the counter wrapped in between: read again.
        if wraps == WRAPS.load(Ordering::Relaxed) {
            return wraps << COUNTER_BITS | counted;
        }
    }
}

/// Ticks since `begin`, which lies less than 2^32 ticks back: 199 million instructions.
#[must_use]
#[inline]
pub fn ticks_since(begin: u32) -> u32 {
    ticks().wrapping_sub(begin)
}
