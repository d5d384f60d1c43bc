//! The hardware as `qemu-system-arm -M netduinoplus2` emulates it: an STM32F405 without clocks to
//! wait for, a watchdog or actuators. Link and log go through semihosting, into QEMU's own folder.

use crate::controller::Controller;
use crate::failure::{Exit, Failure};
use crate::policy::ACT;
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use daa_core::SVector;
use daa_core::link::{Reply, encode, frame_capacity};
use defmt_semihosting as _;
use semihosting::fs::File;
use semihosting::io::{Read, Write};
use semihosting::process;

/// The SysTick counter has 24 bits and counts down.
const COUNTER_MASK: u32 = 0x00FF_FFFF;

/// The emulated machine.
pub struct Machine {
    link: Option<(File, File)>,
}

impl Machine {
    /// Starts the tick counter. The simulator behind the link is the only actuator.
    #[must_use]
    pub fn start() -> Self {
        if let Some(mut core) = cortex_m::Peripherals::take() {
            core.SYST.set_clock_source(SystClkSource::Core);
            core.SYST.set_reload(COUNTER_MASK);
            core.SYST.clear_current();
            core.SYST.enable_counter();
        }
        Self { link: None }
    }

    /// Opens `request.fifo`, then `reply.fifo`: each waits until the host has opened its end.
    ///
    /// # Errors
    /// [`Failure::LinkNotOpened`].
    pub fn connect(&mut self, _controller: &Controller<'_>) -> Result<(), Failure> {
        let requests =
            File::open(c"request.fifo").map_err(|_| Failure::LinkNotOpened("request.fifo"))?;
        let replies =
            File::create(c"reply.fifo").map_err(|_| Failure::LinkNotOpened("reply.fifo"))?;
        self.link = Some((requests, replies));
        Ok(())
    }

    /// Waits for bytes and returns their number. There is no deadline: the simulator's clock is not
    /// this machine's.
    ///
    /// # Errors
    /// [`Failure::LinkClosed`] when the host has closed its end.
    pub fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Failure> {
        let (requests, _) = self.link.as_mut().ok_or(Failure::LinkClosed)?;
        match requests.read(bytes) {
            Ok(len) if len > 0 => Ok(len),
            _ => Err(Failure::LinkClosed),
        }
    }

    /// Sends a reply.
    ///
    /// # Errors
    /// [`Failure::LinkClosed`].
    pub fn send(&mut self, reply: &Reply<ACT>) -> Result<(), Failure> {
        let mut buffer = [0; frame_capacity(ACT)];
        let frame = encode(reply, &mut buffer).map_err(|_| Failure::LinkClosed)?;
        let (_, replies) = self.link.as_mut().ok_or(Failure::LinkClosed)?;
        replies.write_all(frame).map_err(|_| Failure::LinkClosed)
    }

    /// The reply carries the action to the simulated actuators.
    pub fn actuate(&mut self, _action: &SVector<f32, ACT>) {}

    /// A refusal tells the simulator to make its actuators safe.
    pub fn make_safe(&mut self) {}

    /// Switches the machine off.
    pub fn goodbye(&mut self) {
        self.halt(Exit::Done)
    }

    /// Ends QEMU with this exit status.
    pub fn halt(&mut self, exit: Exit) -> ! {
        abort(exit)
    }
}

/// [`Machine::make_safe`] for a program that is broken.
pub fn emergency_stop() {}

/// [`Machine::halt`] for a program that is broken.
pub fn abort(exit: Exit) -> ! {
    process::exit(exit as i32)
}

/// The clock: with `-icount shift=7`, 21.504 ticks are one instruction.
#[must_use]
#[inline]
pub fn ticks() -> u32 {
    SYST::get_current()
}

/// Ticks since `begin`, which lies at most 2^24 ticks back.
#[must_use]
#[inline]
pub fn ticks_since(begin: u32) -> u32 {
    begin.wrapping_sub(SYST::get_current()) & COUNTER_MASK
}
