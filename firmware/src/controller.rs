//! From the images in flash to a supervised controller.

use crate::brain::Brain;
use crate::failure::Failure;
use crate::machine::{self, Machine};
use crate::policy::{ACT, ARCHITECTURE, OBS};
use daa_core::fallback::LinearFeedback;
use daa_core::image::{self, Image};
use daa_core::link::{Identity, PROTOCOL_VERSION, frame_capacity};
use daa_core::slots::{Probation, Slot, Stage};
use daa_core::supervisor::{Session, Settings, Supervisor};

/// The loop of this firmware.
pub type Control<'b> =
    Session<Brain<'b>, LinearFeedback<OBS, ACT>, OBS, ACT, { frame_capacity(OBS) }>;

/// Chooses between the slots' images, checks the one that acts, whole, and replays its golden vectors for
/// equality of bits; a newer one is to run in shadow. Returns the loop, SAFE and not armed, and tells the
/// machine the control period.
///
/// # Errors
/// [`Failure::Image`], [`Failure::NoGoldenVectors`], [`Failure::Golden`], [`Failure::NoPolicy`].
pub fn boot(machine: &mut Machine) -> Result<Control<'static>, Failure> {
    let crashed = machine.take_crash();
    let boot = machine.store().boot(crashed);
    // Without an image that may act, the cause is that of slot A's.
    let region = machine.store().image(boot.active.unwrap_or(Slot::A));
    let (supervisor, identity, period_us) = supervise(region)?;
    if boot.active.is_none() {
        return Err(Failure::NoPolicy);
    }
    machine.set_period(period_us);
    let control = Session::new(supervisor, identity);
    let Some(candidate) = boot.candidate else { return Ok(control) };
    match supervise(machine.store().image(candidate)) {
        Ok((supervisor, identity, same)) if same == period_us => {
            defmt::info!("image {=u32:08x} runs in shadow", identity.image_checksum);
            Ok(control.with_candidate(supervisor, identity, Probation::DEFAULT))
        }
        _ => {
            defmt::warn!("the new image cannot be used beside the old one: rejected");
            let _ = machine.store().keep(Stage::Rejected);
            Ok(control)
        }
    }
}

/// The CRC-32 of the image in a region, if this firmware would run it.
#[inline(never)]
pub fn usable(region: &[u8]) -> Option<u32> {
    let image = &Image::open_region(region).ok()?;
    image.check_architecture(&ARCHITECTURE).ok()?;
    let brain = Brain::new(image).ok()?;
    image::replay(image, brain.policy()).ok().filter(|vectors| *vectors > 0)?;
    Some(image.checksum())
}

type Supervised<'b> = (Supervisor<Brain<'b>, LinearFeedback<OBS, ACT>, OBS, ACT>, Identity, u32);

/// A supervised policy, who it is, and its control period in microseconds.
// Not inlined: the passport's kilobytes leave the stack before the loop starts.
#[inline(never)]
fn supervise(region: &[u8]) -> Result<Supervised<'_>, Failure> {
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
    let period = machine::ticks_of(passport.control_period_us);
    let settings = Settings::new(image, period, machine::ACTUATORS)?;
    let fallback = LinearFeedback::neutral(&settings.limits);
    let supervisor = Supervisor::new(brain, fallback, settings);
    Ok((supervisor, identity, passport.control_period_us))
}
