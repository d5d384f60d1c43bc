//! The largest use of the stack: the stack is filled with a pattern at start, and words that lost the
//! pattern were used.

use cortex_m_rt::STACK_PAINT_VALUE;

/// Largest number of bytes that was in use since the start, in whole words.
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
