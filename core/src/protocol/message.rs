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

/// Version of the messages.
pub const PROTOCOL_VERSION: u16 = 4;
/// Largest number of bytes of an image in one message.
pub const PIECE_BYTES: usize = 64;

/// A message from host to microcontroller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request<const OBS: usize> {
    /// Asks for the identity. Sequence numbers start again after this request.
    Hello,
    /// Asks for the action for an observation.
    Decide {
        /// Counts up by one with each observation, wrapping.
        sequence: u32,
        /// `[OBS]`, in the metadata's units.
        observation: Vec<f32, OBS>,
    },
    /// Asks for measurements of computing time.
    Measure {
        /// The observation that is used for the measurements.
        observation: Vec<f32, OBS>,
    },
    /// Ends the connection: the emulated machine switches off, a board waits for the next `Hello`.
    Goodbye,
    /// Arms the controller: clean ticks lead out of SAFE. In any other mode it changes nothing.
    Arm,
    /// Asks for the status.
    Status,
    /// Asks for the action for readings. Signals that are `None` were not read.
    Sample {
        /// Counts up by one with each observation or sample, wrapping.
        sequence: u32,
        /// The plant's time, wrapping: the clock of an emulated machine. A board has its own clock.
        time_us: u32,
        /// `[OBS]`, in the metadata's units.
        signals: Vec<Option<f32>, OBS>,
    },
    /// Makes the actuators safe until the controller is armed again.
    Disarm,
    /// Asks for the policies.
    Policies,
    /// Changes how actions are planned from now on.
    Plan(Plan),
    /// Asks for the statistics of planning.
    Planned,
    /// A part of a new image. Accepted only while the actuators are safe.
    Transfer(Transfer),
}

/// A step of the transfer of a new image, answered by [`Reply::Transfer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transfer {
    /// Begins the transfer of an image, or continues it when the same image was begun before.
    Begin {
        /// The image's length in bytes.
        len: u32,
        /// The image's CRC-32.
        checksum: u32,
        /// The image's architecture hash.
        architecture: u32,
    },
    /// A part of the image, in order.
    Piece {
        /// Number of bytes before this part.
        offset: u32,
        /// The bytes.
        bytes: Vec<u8, PIECE_BYTES>,
    },
    /// Ends the transfer: the image is checked and runs in shadow.
    Commit,
    /// Cancels the transfer.
    Abort,
}

/// A message from microcontroller to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply<const ACT: usize> {
    /// Answer to [`Request::Hello`].
    Hello(Identity),
    /// Answer to [`Request::Decide`].
    Action {
        /// The request's sequence number.
        sequence: u32,
        /// `[ACT]`, limited, in the metadata's units.
        action: Vec<f32, ACT>,
        /// Clock ticks from the decoded observation to the limited action.
        ticks: u32,
        /// The mode in which the action was chosen.
        mode: Mode,
    },
    /// Answer without an action: the actuators are safe, or the request is not usable.
    Refused {
        /// The request's sequence number, 0 when it could not be read.
        sequence: u32,
        /// Why there is no action.
        reason: Refusal,
    },
    /// Answer to [`Request::Measure`].
    Measured(Measurement),
    /// Answer to [`Request::Arm`], [`Request::Disarm`] and [`Request::Status`].
    Status(Status),
    /// Answer to [`Request::Policies`].
    Policies(Policies),
    /// Answer to [`Request::Plan`] and [`Request::Planned`]; `None` without a model.
    Planned(Option<Planned>),
    /// Answer to [`Request::Transfer`]: number of bytes of the image that were received.
    Transfer(Result<u32, UpdateError>),
}

/// The policies of a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Policies {
    /// CRC-32 of the image whose policy acts.
    pub acting: u32,
    /// CRC-32 of the other image, during a trial.
    pub other: Option<u32>,
    /// Stage of the new image: in shadow it is the other image, on trial the acting image.
    pub stage: Stage,
    /// Number of control ticks that the new policy has passed in this stage.
    pub passed: u32,
}

/// The status of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status {
    /// The mode of the safety state machine.
    pub mode: Mode,
    /// Whether clean ticks lead out of SAFE.
    pub armed: bool,
    /// Why the mode was entered.
    pub reason: Reason,
    /// Lateness of the ticks since arming.
    pub timing: Timing,
    /// Number of warnings of the monitor.
    pub warnings: u32,
    /// Number of events that the log dropped.
    pub dropped_events: u32,
}

/// The identity of a firmware.
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
    /// Why the processor started.
    pub reset: ResetCause,
}

/// Clock ticks of one call each. The cost of reading the clock, `empty`, is not subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Measurement {
    /// An empty function.
    pub empty: u32,
    /// The policy's network alone.
    pub network: u32,
    /// Guard, normaliser, network, tanh, limits, guard.
    pub decision: u32,
    /// Normaliser and prediction of the next observation; only the normaliser without a model.
    pub prediction: u32,
    /// Largest number of bytes of stack that was in use since the start.
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
    /// The observation does not have `OBS` numbers.
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
