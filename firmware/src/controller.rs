//! From the image in flash to a supervised controller.

use crate::brain::Brain;
use crate::failure::Failure;
use crate::machine::{self, Machine};
use crate::policy::{ACT, ARCHITECTURE, OBS};
use daa_core::fallback::LinearFeedback;
use daa_core::image::{self, Image};
use daa_core::ladder::Patience;
use daa_core::link::{Identity, PROTOCOL_VERSION, frame_capacity};
use daa_core::policy::ActionLimits;
use daa_core::supervisor::{Pace, Session, Settings, Supervisor};

/// How patient the controller is. The watchdog must outlast a held command.
pub const PATIENCE: Patience = Patience { hold: 3, fallback: 0, resume: 1, recover: 25, arm: 1 };
/// Ticks in a row with a prediction error above its level before the monitor complains.
pub const MONITOR_PATIENCE: u16 = 5;
/// Oldest usable reading, in percent of the control period.
const MAX_AGE_PERCENT: u32 = 50;
/// Largest change of an action from tick to tick, in its own unit. Infinity: the policy's own.
const STEP: f32 = f32::INFINITY;

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
    let mut limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
    for (limits, signal) in limits.iter_mut().zip(&passport.actions) {
        *limits = ActionLimits { low: signal.low, high: signal.high };
    }
    let identity = Identity {
        protocol: PROTOCOL_VERSION,
        observations: ARCHITECTURE.observations,
        actions: ARCHITECTURE.actions,
        image_checksum: image.checksum(),
        golden_vectors: golden_vectors as u32,
    };
    machine.set_period(passport.control_period_us);
    let period = machine::ticks_of(passport.control_period_us);
    let settings = Settings {
        ranges: image.observation_guard()?,
        max_age: [period / 100 * MAX_AGE_PERCENT; OBS],
        limits,
        step: [STEP; ACT],
        actuators: machine::ACTUATORS,
        pace: Pace::new(period),
        patience: PATIENCE,
        monitor: image.monitor(MONITOR_PATIENCE)?,
    };
    let fallback = LinearFeedback::neutral(&limits);
    Ok(Session::new(Supervisor::new(brain, fallback, settings), identity))
}
