//! The cause of a reset, from the reset flags of an STM32F405.

use daa_core::protocol::ResetCause;

/// The cause in RCC_CSR (reference manual RM0090, "RCC clock control & status register"). Flags stay set
/// until they are cleared, and every reset also sets the pin's flag: the most specific flag counts.
pub(super) const fn cause(csr: u32) -> ResetCause {
    const fn is_set(csr: u32, bit: u32) -> bool {
        csr >> bit & 1 == 1
    }
    // Bit 29: independent watchdog; bit 30: window watchdog.
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
