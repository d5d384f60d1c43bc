//! The messages between host and microcontroller.
//!
//! The message types have sizes in them: an observation of another length does not decode. Raise
//! [`PROTOCOL_VERSION`] when a message's fields or their order change.

use super::frame::FrameError;
use super::reset::ResetCause;
use super::timing::Timing;
use crate::model::{Plan, Planned};
use crate::safety::{Fault, Mode, Reason};
use crate::update::{Stage, UpdateError};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Version of the messages below.
pub const PROTOCOL_VERSION: u16 = 4;
/// Most bytes of an image in one message.
pub const PIECE_BYTES: usize = 64;

/// From host to microcontroller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request<const OBS: usize> {
    /// Who are you? Sequence numbers start again after it.
    Hello,
    /// What to do with this observation?
    Decide {
        /// Counts up by one with each observation, wrapping.
        sequence: u32,
        /// `[OBS]`, in the passport's units.
        observation: Vec<f32, OBS>,
    },
    /// How long does it take?
    Measure {
        /// The observation to measure with.
        observation: Vec<f32, OBS>,
    },
    /// The host is done; the emulated machine switches off, a board waits for the next `Hello`.
    Goodbye,
    /// Clean ticks may lead out of SAFE from now on. In any other mode there is nothing to arm.
    Arm,
    /// How are you?
    Status,
    /// What to do with these readings? Signals that are `None` were not read.
    Sample {
        /// Counts up by one with each observation or sample, wrapping.
        sequence: u32,
        /// The plant's time, wrapping: the clock of an emulated machine. A board has its own.
        time_us: u32,
        /// `[OBS]`, in the passport's units.
        signals: Vec<Option<f32>, OBS>,
    },
    /// Make the actuators safe, and stay so until armed again.
    Disarm,
    /// Which policies are there?
    Policies,
    /// Plan like this from now on.
    Plan(Plan),
    /// How does planning go?
    Planned,
    /// A new image, while the actuators are safe.
    Transfer(Transfer),
}

/// A new image on its way, answered by [`Reply::Transfer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transfer {
    /// Make room for this image. When it is the one that is on its way already, go on with it.
    Begin {
        /// Its length in bytes.
        len: u32,
        /// Its CRC-32.
        checksum: u32,
        /// Its architecture hash.
        architecture: u32,
    },
    /// A part of it, in order.
    Piece {
        /// Bytes before it.
        offset: u32,
        /// The bytes.
        bytes: Vec<u8, PIECE_BYTES>,
    },
    /// That was all: check it, and let it run in shadow.
    Commit,
    /// Forget it.
    Abort,
}

/// From microcontroller to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply<const ACT: usize> {
    /// Answer to [`Request::Hello`].
    Hello(Identity),
    /// Answer to [`Request::Decide`].
    Action {
        /// Of the request.
        sequence: u32,
        /// `[ACT]`, limited, in the passport's units.
        action: Vec<f32, ACT>,
        /// Clock ticks from the decoded observation to the limited action.
        ticks: u32,
        /// Who chose it.
        mode: Mode,
    },
    /// The actuators were made safe instead.
    Refused {
        /// Of the request, 0 when it could not be read.
        sequence: u32,
        /// Why.
        reason: Refusal,
    },
    /// Answer to [`Request::Measure`].
    Measured(Measurement),
    /// Answer to [`Request::Arm`], [`Request::Disarm`] and [`Request::Status`].
    Status(Status),
    /// Answer to [`Request::Policies`].
    Policies(Policies),
    /// Answer to [`Request::Plan`] and [`Request::Planned`]; none without a model.
    Planned(Option<Planned>),
    /// Answer to [`Request::Transfer`]: bytes of the image that have arrived.
    Transfer(Result<u32, UpdateError>),
}

/// The policies of a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Policies {
    /// CRC-32 of the image whose policy acts.
    pub acting: u32,
    /// Of the other one, while a new one proves itself.
    pub other: Option<u32>,
    /// How far the new one has come: in shadow it is the other one, on trial the acting one.
    pub stage: Stage,
    /// Control ticks that it has passed in this stage.
    pub passed: u32,
}

/// How the controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status {
    /// Who acts.
    pub mode: Mode,
    /// Whether clean ticks lead out of SAFE.
    pub armed: bool,
    /// Why the mode was entered.
    pub reason: Reason,
    /// Lateness of all ticks.
    pub timing: Timing,
    /// Times that the monitor began to warn.
    pub warnings: u32,
    /// Events that found no room in the log's ring.
    pub dropped_events: u32,
}

/// What runs on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Identity {
    /// [`PROTOCOL_VERSION`] of the firmware.
    pub protocol: u16,
    /// Number of observation signals.
    pub observations: u16,
    /// Number of actions.
    pub actions: u16,
    /// CRC-32 of the image that is running.
    pub image_checksum: u32,
    /// Golden vectors that were replayed at boot, all equal in bits.
    pub golden_vectors: u32,
    /// Why it was started.
    pub reset: ResetCause,
}

/// Clock ticks of one call each, with the cost of reading the clock, `empty`, not yet subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Measurement {
    /// Nothing.
    pub empty: u32,
    /// The policy's network alone.
    pub network: u32,
    /// Guard, normaliser, network, tanh, limits, guard.
    pub decision: u32,
    /// Normaliser and prediction of the next observation; nothing without a model.
    pub prediction: u32,
    /// Most bytes of stack that were ever in use.
    pub stack_high_water: u32,
}

/// Why a request got no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The frame was damaged, too long, or not a request of this architecture.
    Frame(FrameError),
    /// The sequence number is not newer than the last one.
    Stale,
    /// Not `OBS` numbers.
    WrongLength,
    /// The guard refused the observation.
    Observation(Fault),
    /// The guard refused the policy's output.
    Action(Fault),
    /// The actuators are safe, for this reason.
    Safe(Reason),
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Stale => f.write_str("the sequence number is not newer than the last one"),
            Self::WrongLength => f.write_str("the observation has the wrong length"),
            Self::Observation(fault) => write!(f, "observation refused: {fault}"),
            Self::Action(fault) => write!(f, "action refused: {fault}"),
            Self::Safe(reason) => write!(f, "actuators safe: {reason}"),
        }
    }
}

impl core::error::Error for Refusal {}
