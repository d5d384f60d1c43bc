//! The hardware: an Adafruit Feather STM32F405 Express. Its wiring is in the README.
//!
//! Actuators are hobby servos or speed controllers, see `servos.rs`. A pin is without pulses from reset
//! on, until the first accepted tick.

mod servos;

use crate::controller::Controller;
use crate::failure::{Exit, Failure};
use crate::policy::ACT;
use core::cell::RefCell;
use cortex_m::peripheral::{DWT, NVIC, SCB};
use critical_section::Mutex;
use daa_core::SVector;
use daa_core::link::{Reply, encode, frame_capacity};
use daa_core::policy::ActionLimits;
use defmt_rtt as _;
use heapless::spsc::{Consumer, Producer, Queue};
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

/// Without an observation for this many control periods the actuators are made safe.
const PATIENCE_PERIODS: u32 = 2;
/// The watchdog bites after this many, nominally: its oscillator is up to 47 % too fast.
const WATCHDOG_PERIODS: u32 = 4;
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
    limits: [ActionLimits; ACT],
    /// Cycle count of the last accepted tick, while the actuators follow it.
    live_since: Option<u32>,
    patience_cycles: u32,
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

        log_reset_cause(&rcc);
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
            limits: [ActionLimits { low: -1.0, high: 1.0 }; ACT],
            live_since: None,
            patience_cycles: 0,
        }
    }

    /// Takes over the controller's rate and limits, and starts the watchdog. The link is open
    /// already.
    ///
    /// # Errors
    /// None on this machine.
    pub fn connect(&mut self, controller: &Controller<'_>) -> Result<(), Failure> {
        self.limits = *controller.limits();
        let period_us = controller.control_period_us();
        // Half of what the counter can tell apart: 12 s.
        let patience = PATIENCE_PERIODS.saturating_mul(period_us).saturating_mul(CORE_MHZ);
        self.patience_cycles = patience.min(u32::MAX / 2);
        let watchdog_ms = WATCHDOG_PERIODS.saturating_mul(period_us) / 1000;
        self.watchdog.start(watchdog_ms.clamp(*WATCHDOG_MS.start(), *WATCHDOG_MS.end()).millis());
        defmt::info!("waiting for observations on USART3, {=u32} baud", BAUD);
        Ok(())
    }

    /// Waits for bytes and returns their number. When it takes too long the actuators are made safe,
    /// once. The watchdog is fed while they are safe, and not while they are live: then only the
    /// next accepted tick feeds it.
    ///
    /// It spins: asleep, this chip stops its cycle counter and the log.
    ///
    /// # Errors
    /// None on this machine.
    pub fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, Failure> {
        loop {
            match self.live_since {
                None => self.watchdog.feed(),
                Some(since) if ticks_since(since) > self.patience_cycles => {
                    self.make_safe();
                    defmt::warn!(
                        "no observation for {=u32} periods: actuators safe",
                        PATIENCE_PERIODS
                    );
                }
                Some(_) => {}
            }
            let mut len = 0;
            for (slot, byte) in
                bytes.iter_mut().zip(core::iter::from_fn(|| self.requests.dequeue()))
            {
                *slot = byte;
                len += 1;
            }
            if len > 0 {
                return Ok(len);
            }
        }
    }

    /// Sends a reply and waits until it is on its way: 0.5 ms for one action.
    ///
    /// # Errors
    /// None on this machine: nobody notices when the cable is off but the host.
    pub fn send(&mut self, reply: &Reply<ACT>) -> Result<(), Failure> {
        let mut buffer = [0; frame_capacity(ACT)];
        if let Ok(frame) = encode(reply, &mut buffer) {
            let _ = self.replies.bwrite_all(frame);
        }
        Ok(())
    }

    /// Lets the actuators follow an action that passed its checks, and feeds the watchdog.
    pub fn actuate(&mut self, action: &SVector<f32, ACT>) {
        for (servo, (action, limits)) in action.iter().zip(&self.limits).enumerate() {
            self.servos.follow(servo, (action - limits.low) / (limits.high - limits.low));
        }
        self.live_since = Some(ticks());
        self.led.set_high();
        self.watchdog.feed();
    }

    /// Ends all pulses.
    pub fn make_safe(&mut self) {
        self.servos.stop();
        self.live_since = None;
        self.led.set_low();
    }

    /// The host leaves: actuators safe, until the next one comes.
    pub fn goodbye(&mut self) {
        self.make_safe();
        defmt::info!("the host said goodbye: actuators safe");
    }

    /// Stays safe and blinks until somebody resets the board: the log keeps the reason.
    pub fn halt(&mut self, _exit: Exit) -> ! {
        self.make_safe();
        loop {
            self.led.toggle();
            self.watchdog.feed();
            // Shorter than the shortest watchdog.
            cortex_m::asm::delay(CORE_MHZ * 60_000);
        }
    }
}

fn log_reset_cause(rcc: &pac::RCC) {
    let cause = rcc.csr().read();
    if cause.wdgrstf().bit() {
        defmt::warn!("started after the watchdog bit");
    } else if cause.sftrstf().bit() {
        defmt::warn!("started after a panic or fault");
    } else {
        defmt::info!("started");
    }
    rcc.csr().modify(|_, w| w.rmvf().set_bit());
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
