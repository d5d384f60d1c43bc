//! The reset flags of an STM32F405, as one cause.

use daa_core::protocol::ResetCause;

/// The cause that RCC_CSR names (reference manual RM0090, "RCC clock control & status register").
/// Flags stay until they are cleared, and every reset pulls the pin and sets its flag, too: the most
/// particular one counts.
pub(super) const fn cause(csr: u32) -> ResetCause {
    const fn is_set(csr: u32, bit: u32) -> bool {
        csr >> bit & 1 == 1
    }
    // Independent watchdog, window watchdog.
    if is_set(csr, 29) || is_set(csr, 30) {
        ResetCause::Watchdog
    } else if is_set(csr, 28) {
        ResetCause::Program
    } else if is_set(csr, 31) {
        ResetCause::LowPower
    } else if is_set(csr, 27) {
        ResetCause::Power
    } else if is_set(csr, 25) {
        ResetCause::BrownOut
    } else if is_set(csr, 26) {
        ResetCause::Pin
    } else {
        ResetCause::Unknown
    }
}
