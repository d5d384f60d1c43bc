//! The image in flash, and the sizes that this firmware was built for.

use daa_core::image::Architecture;

/// The networks that this firmware was built for. Another image of the same architecture may
/// replace the one in flash without a new build.
pub const ARCHITECTURE: Architecture = include!(concat!(env!("OUT_DIR"), "/architecture.in"));
/// Number of observation signals.
pub const OBS: usize = ARCHITECTURE.observations as usize;
/// Number of actions.
pub const ACT: usize = ARCHITECTURE.actions as usize;
/// Hidden width of the policy.
pub const HIDDEN: usize = ARCHITECTURE.policy_hidden as usize;

/// The image as it was when this firmware was built: for the programmer only. The running code
/// never names it, see [`region`].
#[used]
#[unsafe(link_section = ".policy")]
static IMAGE: Aligned<{ BYTES.len() }> = Aligned(*BYTES);

static BYTES: &[u8; include_bytes!(concat!(env!("OUT_DIR"), "/policy.daa")).len()] =
    include_bytes!(concat!(env!("OUT_DIR"), "/policy.daa"));

/// Weights are read in place, as floats.
#[repr(C, align(4))]
struct Aligned<const LEN: usize>([u8; LEN]);

/// The whole flash sector of the policy, with whatever it holds now.
///
/// The compiler knows only its address, so that a policy flashed alone is the policy that runs.
#[must_use]
pub fn region() -> &'static [u8] {
    unsafe extern "C" {
        static __policy_start: u8;
        static __policy_end: u8;
    }
    let start = &raw const __policy_start;
    let len = (&raw const __policy_end).addr() - start.addr();
    // SAFETY: `memory.x` puts both symbols at the ends of one flash sector, which is readable memory
    // that nothing writes while this program runs.
    unsafe { core::slice::from_raw_parts(start, len) }
}
