//! How much of the stack was ever used: it is painted at start, and what lost its paint was used.

use cortex_m_rt::STACK_PAINT_VALUE;

/// Most bytes that were ever in use, to the word.
#[must_use]
pub fn high_water() -> u32 {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    // The stack grows down, from `_stack_start`.
    let top = &raw const _stack_start;
    let mut word = &raw const _stack_end;
    // SAFETY: `memory.x` puts both symbols, aligned, at the ends of the stack's memory, which is
    // readable. Volatile: other code writes there without the compiler's knowledge.
    while word < top && unsafe { word.read_volatile() } == STACK_PAINT_VALUE {
        word = word.wrapping_add(1);
    }
    (top.addr() - word.addr()) as u32
}
