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

/// The image at the time of the build, which a programmer writes into slot A. The running code does not use
/// this symbol: it runs the image that the boot chooses.
#[used]
#[unsafe(link_section = ".policy")]
static IMAGE: Aligned<{ BYTES.len() }> = Aligned(*BYTES);

static BYTES: &[u8; include_bytes!(concat!(env!("OUT_DIR"), "/policy.daa")).len()] =
    include_bytes!(concat!(env!("OUT_DIR"), "/policy.daa"));

/// Weights are read in place, as floats.
#[repr(C, align(4))]
struct Aligned<const LEN: usize>([u8; LEN]);
