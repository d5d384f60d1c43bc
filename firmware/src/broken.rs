//! Handlers for a broken program: panic and exceptions. Each handler first makes the actuators safe.

use crate::failure::Exit;
use crate::machine;
use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};
use defmt::Display2Format;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    machine::emergency_stop();
    defmt::error!("{}", Display2Format(info));
    machine::abort(Exit::Panic)
}

/// The handler of `defmt::panic!`, which has already printed its message.
#[defmt::panic_handler]
fn defmt_panic() -> ! {
    machine::emergency_stop();
    machine::abort(Exit::Panic)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    machine::emergency_stop();
    defmt::error!("processor fault at {=u32:08x}, called from {=u32:08x}", frame.pc(), frame.lr());
    machine::abort(Exit::Fault)
}

#[exception]
unsafe fn DefaultHandler(interrupt: i16) -> ! {
    #[cfg(feature = "emulator")]
    if interrupt == machine::WATCHDOG_INTERRUPT {
        machine::bite();
    }
    machine::emergency_stop();
    defmt::error!("interrupt {=i16} has no handler", interrupt);
    machine::abort(Exit::Fault)
}
