//! The addresses of the two slots in flash.

use daa_core::update::Slot;

/// All bytes of both slots, in place: slot B, then slot A.
#[must_use]
pub fn slots() -> &'static [u8] {
    unsafe extern "C" {
        static __slots_start: u8;
        static __slots_end: u8;
    }
    let (start, end) = ((&raw const __slots_start).addr(), (&raw const __slots_end).addr());
    let first = core::hint::black_box(core::ptr::with_exposed_provenance::<u8>(start));
    // SAFETY: `memory.x` puts the ends there, and between them is flash. Only a slot whose policy no code
    // uses is ever written.
    unsafe { core::slice::from_raw_parts(first, end - start) }
}

/// All bytes of a slot, in place.
#[must_use]
pub fn bytes(slot: Slot) -> &'static [u8] {
    let (b, a) = slots().split_at(slots().len() / 2);
    match slot {
        Slot::A => a,
        Slot::B => b,
    }
}
