//! Shared code of this package's programs: numbers in flash, the clock, the report.

use core::mem::size_of_val;
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use semihosting::{print, println, process};

/// The bytes of a file with numbers, aligned.
#[repr(C, align(16))]
pub(crate) struct Numbers<const LEN: usize>(pub(crate) [u8; LEN]);

/// The floats of a file that the build script wrote.
macro_rules! numbers {
    ($file:literal) => {{
        const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file));
        static NUMBERS: crate::support::Numbers<{ BYTES.len() }> =
            crate::support::Numbers(*match BYTES.first_chunk() {
                Some(bytes) => bytes,
                None => unreachable!(),
            });
        crate::support::floats(&NUMBERS.0)
    }};
}

pub(crate) fn floats(bytes: &'static [u8]) -> &'static [f32] {
    // SAFETY: any bytes are floats; `Numbers` aligns them, and the length is rounded down.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), size_of_val(bytes) / 4) }
}

pub(crate) use numbers;

/// The same bits, as integers.
#[allow(dead_code, reason = "not every program has networks of integers")]
pub(crate) fn words(numbers: &'static [f32]) -> &'static [u32] {
    // SAFETY: both are four bytes without meaning of their own, aligned alike.
    unsafe { core::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len()) }
}

/// The SysTick counter has 24 bits and counts down.
const COUNTER_MASK: u32 = 0x00FF_FFFF;

/// Clock ticks that `run` takes.
pub(crate) fn ticks(run: impl FnOnce()) -> u32 {
    let begin = SYST::get_current();
    run();
    begin.wrapping_sub(SYST::get_current()) & COUNTER_MASK
}

/// Writes a line: name, ticks, the bits of the outputs.
pub(crate) fn report(name: &str, ticks: u32, outputs: &[f32]) {
    print!("{name} {ticks}");
    for value in outputs {
        print!(" {:08x}", value.to_bits());
    }
    println!();
}

/// Starts the clock.
pub(crate) fn start() {
    if let Some(mut core) = cortex_m::Peripherals::take() {
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(COUNTER_MASK);
        core.SYST.clear_current();
        core.SYST.enable_counter();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::exit(101)
}
