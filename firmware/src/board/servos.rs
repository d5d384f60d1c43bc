//! The four servo pins. A pulse of 1 to 2 ms at 50 Hz carries an action from its lowest to its
//! highest value; servos and speed controllers treat the absence of pulses as safe.

use daa_core::safety::ActuatorRange;
use stm32f4xx_hal::gpio::{Output, Pin, PinState};
use stm32f4xx_hal::pac::{self, TIM3, TIM4};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Rcc;
use stm32f4xx_hal::timer::pwm::ErasedChannel;

/// Number of pins.
pub(super) const SERVOS: usize = 4;

/// The timers count microseconds.
const PERIOD_US: u32 = 20_000;
/// Pulse widths at the two ends of a servo's range.
pub(super) const PULSE: ActuatorRange = ActuatorRange { at_low: 1000.0, at_high: 2000.0 };

/// The pins as low outputs, before pulses start.
pub(super) struct Pins {
    pub(super) d6: Pin<'C', 6, Output>,
    pub(super) d5: Pin<'C', 7, Output>,
    pub(super) d9: Pin<'B', 8, Output>,
    pub(super) d10: Pin<'B', 9, Output>,
}

/// The pins, in the order of the actions.
pub(super) struct Servos {
    d6: ErasedChannel<TIM3>,
    d5: ErasedChannel<TIM3>,
    d9: ErasedChannel<TIM4>,
    d10: ErasedChannel<TIM4>,
}

impl Servos {
    /// Connects the pins to the timers, without pulses.
    pub(super) fn new(pins: Pins, tim3: TIM3, tim4: TIM4, rcc: &mut Rcc) -> Self {
        let (_, (c1, c2, ..)) = tim3.pwm_us(PERIOD_US.micros(), rcc);
        let (_, (_, _, c3, c4)) = tim4.pwm_us(PERIOD_US.micros(), rcc);
        let mut servos = Self {
            d6: c1.with(pins.d6).erase(),
            d5: c2.with(pins.d5).erase(),
            d9: c3.with(pins.d9).erase(),
            d10: c4.with(pins.d10).erase(),
        };
        servos.stop();
        servos.d6.enable();
        servos.d5.enable();
        servos.d9.enable();
        servos.d10.enable();
        servos
    }

    /// Sets the pulse width, from the next period on.
    pub(super) fn follow(&mut self, servo: usize, width_us: f32) {
        self.set(servo, width_us as u16);
    }

    /// Stops the pulses, from the next period on.
    pub(super) fn stop(&mut self) {
        (0..SERVOS).for_each(|servo| self.set(servo, 0));
    }

    fn set(&mut self, servo: usize, width_us: u16) {
        match servo {
            0 => self.d6.set_duty(width_us),
            1 => self.d5.set_duty(width_us),
            2 => self.d9.set_duty(width_us),
            _ => self.d10.set_duty(width_us),
        }
    }
}

/// Stops the pulses at once, in any state of the program: the pins become low outputs.
pub(super) fn cut() {
    // SAFETY: only a broken program calls this function: no other code runs, or will run afterwards.
    let (gpiob, gpioc) = unsafe { (pac::GPIOB::steal(), pac::GPIOC::steal()) };
    gpiob.bsrr().write(|w| w.br8().reset().br9().reset());
    gpiob.moder().modify(|_, w| w.moder8().output().moder9().output());
    gpioc.bsrr().write(|w| w.br6().reset().br7().reset());
    gpioc.moder().modify(|_, w| w.moder6().output().moder7().output());
}

/// A pin as a low output.
pub(super) fn low<const PORT: char, const N: u8>(pin: Pin<PORT, N>) -> Pin<PORT, N, Output> {
    pin.into_push_pull_output_in_state(PinState::Low)
}
