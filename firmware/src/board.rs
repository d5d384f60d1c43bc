//! The hardware: an Adafruit Feather STM32F405 Express. Its wiring is in the README.
//!
//! Actuators are hobby servos or speed controllers, see `servos.rs`. From reset until the first accepted
//! tick the pins have no pulses.

mod memory;
mod reset;
mod servos;

use crate::failure::{Exit, Failure};
use crate::policy::ACT;
use crate::update::{Check, Store};
use crate::{events, stack};
use core::cell::RefCell;
use cortex_m::peripheral::{DWT, NVIC, SCB};
use critical_section::Mutex;
use daa_core::protocol::ResetCause;
use daa_core::protocol::Transfer;
use daa_core::safety::Debounce;
use daa_core::safety::{ActuatorRange, Command};
use daa_core::supervisor::{self, Event};
use daa_core::update::{Stage, UpdateError};
use defmt_rtt as _;
use heapless::spsc::{Consumer, Producer, Queue};
pub use memory::Memory;
use servos::{Pins, SERVOS, Servos, low};
use stm32f4xx_hal::gpio::{Output, Pin};
use stm32f4xx_hal::pac::{self, USART3, interrupt};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::serial::{Rx, Tx};
use stm32f4xx_hal::watchdog::IndependentWatchdog;

const _: () = assert!(
    ACT <= SERVOS,
    "this board has four servo pins (D6, D5, D9, D10): for more actions add a timer to servos.rs"
);

/// Core clock: the fastest possible one, from the internal oscillator (1 %), so that a board with another
/// crystal or without a crystal works too.
const CORE_MHZ: u32 = 168;
/// 42 MHz / 91 differs by 0.16 %: most of the tolerance of a serial line remains for the oscillator.
const BAUD: u32 = 460_800;
/// Bytes that may arrive between two reads of the link: several requests.
const RING: usize = 1024;

/// The drive of a servo: the width of its pulse in microseconds.
pub const ACTUATORS: [ActuatorRange; ACT] = [servos::PULSE; ACT];

/// The watchdog expires after this many control periods, nominally: its oscillator is up to 47 % too
/// fast.
const WATCHDOG_PERIODS: u32 = 12;
const _: () = assert!(WATCHDOG_PERIODS > 2 * (Debounce::DEFAULT.hold as u32 + 2));
/// Range of the watchdog's time: a lower bound for the same reason, an upper bound because of its counter.
const WATCHDOG_MS: core::ops::RangeInclusive<u32> = 100..=30_000;

type Bytes = Queue<u8, RING>;

/// The state of the interrupt handler.
struct Receiver {
    usart: Rx<USART3>,
    ring: Producer<'static, u8>,
}

static RECEIVER: Mutex<RefCell<Option<Receiver>>> = Mutex::new(RefCell::new(None));

/// The board.
pub struct Machine {
    servos: Servos,
    led: Pin<'C', 1, Output>,
    watchdog: IndependentWatchdog,
    replies: Tx<USART3>,
    requests: Consumer<'static, u8>,
    period_us: u32,
    store: Store<Memory>,
    reset: ResetCause,
    crashed: bool,
}

impl Machine {
    /// Drives the servo pins low, then starts clock, cycle counter and link. `check` decides whether an image
    /// can run.
    ///
    /// # Panics
    /// When called twice.
    #[must_use]
    pub fn start(check: Check) -> Self {
        let device = pac::Peripherals::take().expect("the machine is started once");
        let mut core = cortex_m::Peripherals::take().expect("the machine is started once");
        let mut rcc = device.RCC.constrain();
        let (gpiob, gpioc) = (device.GPIOB.split(&mut rcc), device.GPIOC.split(&mut rcc));
        let (d6, d5) = (low(gpioc.pc6), low(gpioc.pc7));
        let (d9, d10) = (low(gpiob.pb8), low(gpiob.pb9));

        let reset = reset::cause(rcc.csr().read().bits());
        // Clear the flags for the next program: they stay set otherwise.
        rcc.csr().modify(|_, w| w.rmvf().set_bit());
        let clocks = Config::hsi().sysclk(CORE_MHZ.MHz()).pclk1(42.MHz()).pclk2(84.MHz());
        let mut rcc = rcc.freeze(clocks);
        core.DCB.enable_trace();
        core.DWT.enable_cycle_counter();

        let servos = Servos::new(Pins { d6, d5, d9, d10 }, device.TIM3, device.TIM4, &mut rcc);

        let pins = (gpiob.pb10, gpiob.pb11);
        let (replies, mut usart) = device
            .USART3
            .serial::<u8>(pins, BAUD.bps(), &mut rcc)
            .expect("the baud rate divides the clock")
            .split();
        usart.listen();
        let bytes: &'static mut Bytes =
            cortex_m::singleton!(: Bytes = Queue::new()).expect("the machine is started once");
        let (ring, requests) = bytes.split();
        critical_section::with(|cs| RECEIVER.replace(cs, Some(Receiver { usart, ring })));
        // SAFETY: the interrupt's handler is ready, and no code relies on it being masked.
        unsafe { NVIC::unmask(pac::Interrupt::USART3) };

        let watchdog = IndependentWatchdog::new(device.IWDG);
        watchdog.stop_on_debug(&device.DBGMCU, true);
        Self {
            servos,
            led: gpioc.pc1.into_push_pull_output(),
            watchdog,
            replies,
            requests,
            period_us: 0,
            store: Store::new(Memory::new(), check),
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

    /// Starts the watchdog. The link is already open.
    ///
    /// # Errors
    /// None on this machine.
    pub fn connect(&mut self) -> Result<(), Failure> {
        let watchdog_ms = WATCHDOG_PERIODS.saturating_mul(self.period_us) / 1000;
        self.watchdog.start(watchdog_ms.clamp(*WATCHDOG_MS.start(), *WATCHDOG_MS.end()).millis());
        defmt::info!("waiting for observations on USART3, {=u32} baud", BAUD);
        Ok(())
    }

    /// Keeps the actuators safe and blinks until a reset. The log contains the reason.
    pub fn halt(&mut self, _exit: Exit) -> ! {
        supervisor::Machine::make_safe(self);
        loop {
            self.led.toggle();
            self.watchdog.feed();
            // This delay is shorter than the watchdog's shortest time.
            cortex_m::asm::delay(CORE_MHZ * 60_000);
        }
    }
}

impl supervisor::Machine<ACT> for Machine {
    type Error = Failure;

    fn now(&self) -> u32 {
        ticks()
    }

    /// This machine has its own clock and ignores the plant's time.
    fn plant_time(&mut self, _time_us: Option<u32>) {}

    /// Polls the link: in sleep mode the chip stops its cycle counter and the log.
    fn receive(&mut self, bytes: &mut [u8], wait: u32) -> Result<usize, Failure> {
        let begin = ticks();
        loop {
            let mut len = 0;
            for (slot, byte) in
                bytes.iter_mut().zip(core::iter::from_fn(|| self.requests.dequeue()))
            {
                *slot = byte;
                len += 1;
            }
            if len > 0 || ticks_since(begin) >= wait {
                return Ok(len);
            }
        }
    }

    /// Waits until the reply was sent: 0.5 ms for one action.
    fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        // When the cable is disconnected, only the host notices.
        let _ = self.replies.bwrite_all(frame);
        Ok(())
    }

    fn actuate(&mut self, command: &Command<ACT>) {
        for (servo, width) in command.drive.iter().enumerate() {
            self.servos.follow(servo, *width);
        }
        self.led.set_high();
    }

    /// Ends all pulses.
    fn make_safe(&mut self) {
        self.servos.stop();
        self.led.set_low();
    }

    fn feed(&mut self) {
        self.watchdog.feed();
    }

    fn log(&mut self, tick: u32, event: &Event) {
        events::log(tick, event);
    }

    /// The actuators are safe until the next host connects.
    fn goodbye(&mut self) {
        defmt::info!("the host said goodbye: actuators safe");
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

/// Converts microseconds into ticks of the control clock, which counts core cycles and wraps after 25 s.
#[must_use]
pub const fn ticks_of(us: u32) -> u32 {
    let cycles = us.saturating_mul(CORE_MHZ);
    if cycles > u32::MAX / 4 { u32::MAX / 4 } else { cycles }
}

#[interrupt]
fn USART3() {
    critical_section::with(|cs| {
        if let Some(receiver) = RECEIVER.borrow_ref_mut(cs).as_mut() {
            // A damaged or lost byte is detected by the CRC of its frame.
            if let Ok(byte) = receiver.usart.read() {
                let _ = receiver.ring.enqueue(byte);
            }
        }
    });
}

/// [`Machine::make_safe`] for a program that is broken.
pub fn emergency_stop() {
    servos::cut();
}

/// Resets the processor, after enough time for a debugger to read the log.
pub fn abort(_exit: Exit) -> ! {
    cortex_m::asm::delay(CORE_MHZ * 50_000);
    SCB::sys_reset()
}

/// The clock: core cycles.
#[must_use]
#[inline]
pub fn ticks() -> u32 {
    DWT::cycle_count()
}

/// Cycles since `begin`, which lies at most 2^32 cycles (25 s) back.
#[must_use]
#[inline]
pub fn ticks_since(begin: u32) -> u32 {
    DWT::cycle_count().wrapping_sub(begin)
}
