//! The hardware: an Adafruit Feather STM32F405 Express. Its wiring is in the README.
//!
//! Actuators are hobby servos or speed controllers, see `servos.rs`. A pin is without pulses from reset
//! on, until the first accepted tick.

mod memory;
mod reset;
mod servos;

use crate::failure::{Exit, Failure};
use crate::policy::ACT;
use crate::update::Store;
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

/// Core clock: the fastest there is, made from the internal oscillator (1 %), so that a board with
/// another crystal, or none, runs as well.
const CORE_MHZ: u32 = 168;
/// 42 MHz / 91 is 0.16 % off: most of what a serial line forgives is left to the oscillator.
const BAUD: u32 = 460_800;
/// Bytes that may arrive between two looks at the link: several requests.
const RING: usize = 1024;

/// What a servo is told: the width of its pulse in microseconds.
pub const ACTUATORS: [ActuatorRange; ACT] = [servos::PULSE; ACT];

/// The watchdog bites after this many control periods, nominally: its oscillator is up to 47 % too
/// fast.
const WATCHDOG_PERIODS: u32 = 12;
const _: () = assert!(WATCHDOG_PERIODS > 2 * (Debounce::DEFAULT.hold as u32 + 2));
/// For the same reason its own time is never shorter than this, nor longer than it can count.
const WATCHDOG_MS: core::ops::RangeInclusive<u32> = 100..=30_000;

type Bytes = Queue<u8, RING>;

/// What the interrupt needs.
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
    store: Store,
    reset: ResetCause,
    crashed: bool,
}

impl Machine {
    /// Drives the servo pins low, then starts clock, cycle counter and link.
    ///
    /// # Panics
    /// When called twice.
    #[must_use]
    pub fn start() -> Self {
        let device = pac::Peripherals::take().expect("the machine is started once");
        let mut core = cortex_m::Peripherals::take().expect("the machine is started once");
        let mut rcc = device.RCC.constrain();
        let (gpiob, gpioc) = (device.GPIOB.split(&mut rcc), device.GPIOC.split(&mut rcc));
        let (d6, d5) = (low(gpioc.pc6), low(gpioc.pc7));
        let (d9, d10) = (low(gpiob.pb8), low(gpiob.pb9));

        let reset = reset::cause(rcc.csr().read().bits());
        // For the next program: flags stay until they are cleared.
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
            store: Store::new(Memory::new()),
            reset,
            crashed: reset.is_crash(),
        }
    }

    /// The slots.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Whether the last program crashed. Asked once: a crash is one boot's only.
    pub fn take_crash(&mut self) -> bool {
        core::mem::take(&mut self.crashed)
    }

    /// Why this program was started.
    #[must_use]
    pub fn reset_cause(&self) -> ResetCause {
        self.reset
    }

    /// Takes over the control period.
    pub fn set_period(&mut self, period_us: u32) {
        self.period_us = period_us;
    }

    /// Starts the watchdog. The link is open already.
    ///
    /// # Errors
    /// None on this machine.
    pub fn connect(&mut self) -> Result<(), Failure> {
        let watchdog_ms = WATCHDOG_PERIODS.saturating_mul(self.period_us) / 1000;
        self.watchdog.start(watchdog_ms.clamp(*WATCHDOG_MS.start(), *WATCHDOG_MS.end()).millis());
        defmt::info!("waiting for observations on USART3, {=u32} baud", BAUD);
        Ok(())
    }

    /// Stays safe and blinks until somebody resets the board: the log keeps the reason.
    pub fn halt(&mut self, _exit: Exit) -> ! {
        supervisor::Machine::make_safe(self);
        loop {
            self.led.toggle();
            self.watchdog.feed();
            // Shorter than the shortest watchdog.
            cortex_m::asm::delay(CORE_MHZ * 60_000);
        }
    }
}

impl supervisor::Machine<ACT> for Machine {
    type Error = Failure;

    fn now(&self) -> u32 {
        ticks()
    }

    /// This machine has a clock of its own.
    fn plant_time(&mut self, _time_us: Option<u32>) {}

    /// It spins: asleep, this chip stops its cycle counter and the log.
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

    /// Waits until the reply is on its way: 0.5 ms for one action.
    fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        // Nobody notices when the cable is off but the host.
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

    /// The host leaves: actuators safe, until the next one comes.
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

/// The control clock counts core cycles, 25 s until it wraps: half of that is told apart.
#[must_use]
pub const fn ticks_of(us: u32) -> u32 {
    let cycles = us.saturating_mul(CORE_MHZ);
    if cycles > u32::MAX / 4 { u32::MAX / 4 } else { cycles }
}

#[interrupt]
fn USART3() {
    critical_section::with(|cs| {
        if let Some(receiver) = RECEIVER.borrow_ref_mut(cs).as_mut() {
            // A damaged or lost byte damages its frame, which the frame's CRC shows.
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

/// Resets a broken program, after enough time for a debugger to fetch the last words.
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
