//! Boot: chooses and checks an image in flash, and builds the supervised controller.

use crate::failure::Failure;
use crate::machine::{self, Machine};
use crate::networks::Networks;
use crate::policy::{ACT, ARCHITECTURE, OBS};
use daa_core::image::{self, Image};
use daa_core::protocol::ResetCause;
use daa_core::protocol::{Identity, PROTOCOL_VERSION, frame_capacity};
use daa_core::safety::Rest;
use daa_core::supervisor::{Session, Settings, Supervisor};
use daa_core::update::{Slot, Stage, TrialLength};

/// The control loop of this firmware.
pub type Control<'b> = Session<Networks<'b>, Rest<ACT>, OBS, ACT, { frame_capacity(OBS) }>;

/// Chooses the image that acts, checks it and replays its golden vectors for equality of bits; a newer image
/// runs in shadow. Builds the control loop in `place`, in SAFE and not armed, and sets the machine's control
/// period.
///
/// The caller provides `place`, because each move of a loop for 78 observations takes 20 KiB of stack.
///
/// # Errors
/// [`Failure::Image`], [`Failure::NoGoldenVectors`], [`Failure::Golden`], [`Failure::NoPolicy`].
pub fn boot<'c>(
    machine: &mut Machine,
    place: &'c mut Option<Control<'static>>,
) -> Result<&'c mut Control<'static>, Failure> {
    let (reset, crashed) = (machine.reset_cause(), machine.take_crash());
    let boot = machine.store().boot(crashed);
    // Without an image that may act, report why the image of slot A is refused.
    let region = machine.store().image(boot.active.unwrap_or(Slot::A));
    let (control, period_us) = act(region, reset, place)?;
    if boot.active.is_none() {
        return Err(Failure::NoPolicy);
    }
    machine.set_period(period_us);
    if let Some(slot) = boot.trial
        && !shadow(machine.store().image(slot), reset, period_us, control)
    {
        defmt::warn!("the new image cannot be used beside the old one: rejected");
        let _ = machine.store().keep(Stage::Rejected);
    }
    Ok(control)
}

// With many observations, decoding the metadata and building a loop each take tens of kilobytes of stack. The
// functions below are not inlined, so that they use the stack one after the other, before the loop starts.

/// Builds the loop with the policy of a region. Returns it with its control period.
#[inline(never)]
fn act<'c, 'b>(
    region: &'b [u8],
    reset: ResetCause,
    place: &'c mut Option<Control<'b>>,
) -> Result<(&'c mut Control<'b>, u32), Failure> {
    insert(&Image::open_region(region)?, reset, place)
}

#[inline(never)]
fn insert<'c, 'b>(
    image: &Image<'b>,
    reset: ResetCause,
    place: &'c mut Option<Control<'b>>,
) -> Result<(&'c mut Control<'b>, u32), Failure> {
    let (supervisor, identity, period_us) = supervise(image, reset)?;
    Ok((place.insert(Session::new(supervisor, identity)), period_us))
}

/// Starts the trial of the policy of a region, in shadow. Returns false when the image is not usable or has
/// another control period.
#[inline(never)]
fn shadow<'b>(
    region: &'b [u8],
    reset: ResetCause,
    period_us: u32,
    control: &mut Control<'b>,
) -> bool {
    Image::open_region(region).is_ok_and(|image| beside(&image, reset, period_us, control))
}

#[inline(never)]
fn beside<'b>(
    image: &Image<'b>,
    reset: ResetCause,
    period_us: u32,
    control: &mut Control<'b>,
) -> bool {
    match supervise(image, reset) {
        Ok((supervisor, identity, same)) if same == period_us => {
            defmt::info!("image {=u32:08x} runs in shadow", identity.image_checksum);
            control.add_trial(supervisor, identity, TrialLength::DEFAULT);
            true
        }
        _ => false,
    }
}

/// The CRC-32 of the image in a region, or `None` when this firmware cannot run the image.
#[inline(never)]
pub fn usable(region: &[u8]) -> Option<u32> {
    let image = &Image::open_region(region).ok()?;
    image.check_architecture(&ARCHITECTURE).ok()?;
    let networks = Networks::new(image).ok()?;
    image::replay(image, networks.policy()).ok().filter(|vectors| *vectors > 0)?;
    Some(image.checksum())
}

type Supervised<'b> = (Supervisor<Networks<'b>, Rest<ACT>, OBS, ACT>, Identity, u32);

/// Builds a supervised policy. Returns it with its identity and its control period in microseconds.
// The image is passed by reference: each move takes 5 KiB of stack.
#[inline(never)]
fn supervise<'b>(image: &Image<'b>, reset: ResetCause) -> Result<Supervised<'b>, Failure> {
    image.check_architecture(&ARCHITECTURE)?;
    let networks = Networks::new(image)?;
    let golden_vectors = image::replay(image, networks.policy())?;
    if golden_vectors == 0 {
        return Err(Failure::NoGoldenVectors);
    }
    let metadata = image.metadata();
    defmt::info!(
        "image {=u32:08x}: {=str}, preset {=str}, {=u64} decisions, {=usize} golden vectors equal",
        image.checksum(),
        metadata.task,
        metadata.provenance.preset,
        metadata.provenance.decisions,
        golden_vectors
    );
    let identity = Identity {
        protocol: PROTOCOL_VERSION,
        observations: ARCHITECTURE.observations,
        actions: ARCHITECTURE.actions,
        image_checksum: image.checksum(),
        golden_vectors: golden_vectors as u32,
        reset,
    };
    let period = machine::ticks_of(metadata.control_period_us);
    let settings = Settings::new(image, period, machine::ACTUATORS)?;
    let fallback = Rest::in_the_middle(&settings.limits);
    let supervisor = Supervisor::new(networks, fallback, settings);
    Ok((supervisor, identity, metadata.control_period_us))
}
