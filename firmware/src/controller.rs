//! From the image in flash to a supervised controller.

use crate::brain::Brain;
use crate::failure::Failure;
use crate::machine::{self, Machine};
use crate::policy::{ACT, ARCHITECTURE, OBS};
use daa_core::fallback::LinearFeedback;
use daa_core::image::{self, Image};
use daa_core::link::{Identity, PROTOCOL_VERSION, frame_capacity};
use daa_core::supervisor::{Session, Settings, Supervisor};

/// The loop of this firmware.
pub type Control<'b> =
    Session<Brain<'b>, LinearFeedback<OBS, ACT>, OBS, ACT, { frame_capacity(OBS) }>;

/// Checks the image in a flash region, whole, and replays its golden vectors for equality of bits.
/// Returns the loop, SAFE and not armed, and tells the machine the control period.
///
/// # Errors
/// [`Failure::Image`], [`Failure::NoGoldenVectors`], [`Failure::Golden`].
// Not inlined: the passport's kilobytes leave the stack before the loop starts.
#[inline(never)]
pub fn boot<'b>(region: &'b [u8], machine: &mut Machine) -> Result<Control<'b>, Failure> {
    // By reference: each move of an image is another 5 KiB of stack.
    let image = &Image::open_region(region)?;
    image.check_architecture(&ARCHITECTURE)?;
    let brain = Brain::new(image)?;
    let golden_vectors = image::replay(image, brain.policy())?;
    if golden_vectors == 0 {
        return Err(Failure::NoGoldenVectors);
    }
    let passport = image.passport();
    defmt::info!(
        "image {=u32:08x}: {=str}, preset {=str}, {=u64} decisions, {=usize} golden vectors equal",
        image.checksum(),
        passport.task,
        passport.provenance.preset,
        passport.provenance.decisions,
        golden_vectors
    );
    let identity = Identity {
        protocol: PROTOCOL_VERSION,
        observations: ARCHITECTURE.observations,
        actions: ARCHITECTURE.actions,
        image_checksum: image.checksum(),
        golden_vectors: golden_vectors as u32,
    };
    machine.set_period(passport.control_period_us);
    let period = machine::ticks_of(passport.control_period_us);
    let settings = Settings::new(image, period, machine::ACTUATORS)?;
    let fallback = LinearFeedback::neutral(&settings.limits);
    Ok(Session::new(Supervisor::new(brain, fallback, settings), identity))
}
