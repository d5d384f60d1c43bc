//! Framed messages between host and microcontroller.
//!
//! A frame is `COBS(postcard(message) || CRC-32, little-endian)` and one zero byte. COBS leaves no
//! zero inside a frame, so a reader that joins in the middle is in step again at the next zero. The
//! message types have sizes in them: an observation of another length does not decode.
//!
//! Raise [`PROTOCOL_VERSION`] when a message's fields or their order change.

use crate::guard::Fault;
use crate::ladder::{Mode, Reason};
use crate::planner::{Plan, Planned};
use crate::reset::ResetCause;
use crate::slots::{Stage, UpdateError};
use crate::supervisor::Timing;
use heapless::Vec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Version of the messages below.
pub const PROTOCOL_VERSION: u16 = 4;
/// Most bytes of an image in one message.
pub const PIECE_BYTES: usize = 64;

static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

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

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes without a zero than the longest frame has.
    TooLong,
    /// Fewer bytes than a message and its CRC.
    TooShort,
    /// The bytes are not COBS.
    Encoding,
    /// The CRC-32 does not hold.
    Checksum,
    /// A sound frame that holds no such message, or leaves bytes over.
    Message,
    /// The buffer to write into is too small.
    BufferTooSmall,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the frame is too long",
            Self::TooShort => "the frame is too short",
            Self::Encoding => "the frame is not COBS",
            Self::Checksum => "the frame's CRC-32 does not hold",
            Self::Message => "the frame holds no such message",
            Self::BufferTooSmall => "the buffer is too small for the frame",
        })
    }
}

impl core::error::Error for FrameError {}

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

/// Largest frame of a message with `numbers` floats, delimiter included: an upper bound for buffers.
#[must_use]
pub const fn frame_capacity(numbers: usize) -> usize {
    // A present reading of a sample takes five bytes; a status is the longest message without numbers.
    let payload = 5 * numbers + 80;
    payload + payload / 254 + 2
}

/// Writes a message as a frame, its zero byte included, and returns the frame.
///
/// # Errors
/// [`FrameError::BufferTooSmall`].
pub fn encode<'b>(message: &impl Serialize, buffer: &'b mut [u8]) -> Result<&'b [u8], FrameError> {
    use postcard::ser_flavors::{Cobs, Slice, crc::CrcModifier};
    let flavour = Cobs::try_new(Slice::new(buffer)).map_err(|_| FrameError::BufferTooSmall)?;
    let flavour = CrcModifier::new(flavour, CRC.digest());
    let frame = postcard::serialize_with_flavor(message, flavour)
        .map_err(|_| FrameError::BufferTooSmall)?;
    Ok(frame)
}

/// Reads the message of one frame, without its zero byte, decoding in place.
///
/// # Errors
/// [`FrameError`], each cause its own; trailing bytes are [`FrameError::Message`].
pub fn decode<T: DeserializeOwned>(frame: &mut [u8]) -> Result<T, FrameError> {
    let len = cobs::decode_in_place(frame).map_err(|_| FrameError::Encoding)?;
    let decoded = frame.get(..len).ok_or(FrameError::Encoding)?;
    let (payload, crc) = decoded.split_last_chunk::<4>().ok_or(FrameError::TooShort)?;
    if CRC.checksum(payload) != u32::from_le_bytes(*crc) {
        return Err(FrameError::Checksum);
    }
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Ok(message),
        _ => Err(FrameError::Message),
    }
}

/// Collects bytes until a zero completes a frame. `CAPACITY` is [`frame_capacity`].
#[derive(Clone, Debug, Default)]
pub struct FrameReader<const CAPACITY: usize> {
    bytes: Vec<u8, CAPACITY>,
    overflowed: bool,
}

impl<const CAPACITY: usize> FrameReader<CAPACITY> {
    /// A reader between two frames.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), overflowed: false }
    }

    /// Takes one byte; at a zero, gives the message of the frame that it ends. Empty frames, two
    /// zeros in a row, are skipped.
    pub fn push<T: DeserializeOwned>(&mut self, byte: u8) -> Option<Result<T, FrameError>> {
        if byte != 0 {
            self.overflowed |= self.bytes.push(byte).is_err();
            return None;
        }
        let overflowed = core::mem::take(&mut self.overflowed);
        if self.bytes.is_empty() {
            return None;
        }
        let result = if overflowed { Err(FrameError::TooLong) } else { decode(&mut self.bytes) };
        self.bytes.clear();
        Some(result)
    }
}

/// Accepts sequence numbers that are newer than the last one, in wrapping arithmetic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    last: Option<u32>,
    lost: u32,
}

impl Sequence {
    /// Before the first message.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, lost: 0 }
    }

    /// Takes a newer number and counts those that were skipped.
    ///
    /// # Errors
    /// [`Refusal::Stale`] for the last number again or one up to 2^31 before it.
    ///
    /// ```
    /// use daa_core::link::{Refusal, Sequence};
    /// let mut sequence = Sequence::new();
    /// assert_eq!(sequence.accept(u32::MAX), Ok(()));
    /// assert_eq!(sequence.accept(1), Ok(()));
    /// assert_eq!(sequence.accept(1), Err(Refusal::Stale));
    /// assert_eq!(sequence.lost(), 1);
    /// ```
    pub fn accept(&mut self, number: u32) -> Result<(), Refusal> {
        if let Some(last) = self.last {
            let ahead = number.wrapping_sub(last);
            if ahead == 0 || ahead > u32::MAX / 2 {
                return Err(Refusal::Stale);
            }
            self.lost = self.lost.wrapping_add(ahead - 1);
        }
        self.last = Some(number);
        Ok(())
    }

    /// Numbers that were skipped.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAPACITY: usize = frame_capacity(3);

    fn request() -> Request<3> {
        let observation = Vec::from_slice(&[1.5, 0.0, -2.0]).unwrap();
        Request::Decide { sequence: 256, observation }
    }

    fn read(
        reader: &mut FrameReader<CAPACITY>,
        bytes: &[u8],
    ) -> std::vec::Vec<Result<Request<3>, FrameError>> {
        bytes.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    #[test]
    fn the_bytes_of_a_frame_by_hand() {
        let mut buffer = [0; 16];
        // Hello is variant 0: payload 00, CRC-32 of one zero byte is d202ef8d.
        // COBS: 01 (a zero one byte on), 05 8d ef 02 d2, 00.
        let frame = encode(&Request::<3>::Hello, &mut buffer).unwrap();
        assert_eq!(frame, [0x01, 0x05, 0x8d, 0xef, 0x02, 0xd2, 0x00]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_frame_is_noticed() {
        let mut buffer = [0; CAPACITY];
        let frame = encode(&request(), &mut buffer).unwrap().to_vec();
        assert_eq!(read(&mut FrameReader::new(), &frame), [Ok(request())]);
        for bit in 0..8 * (frame.len() - 1) {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            for result in read(&mut FrameReader::new(), &damaged) {
                assert!(result.is_err(), "bit {bit}");
            }
        }
        for len in 1..frame.len() - 1 {
            let mut cut = frame[..len].to_vec();
            cut.push(0);
            assert!(read(&mut FrameReader::new(), &cut).iter().all(Result::is_err), "{len}");
        }
    }

    #[test]
    fn a_reader_is_in_step_again_after_garbage_and_overlong_frames() {
        let mut buffer = [0; CAPACITY];
        let frame = encode(&request(), &mut buffer).unwrap().to_vec();
        let mut reader = FrameReader::new();
        let garbage = [0x55; 3 * CAPACITY];
        assert!(read(&mut reader, &garbage).is_empty());
        assert_eq!(read(&mut reader, &[0, 0]), [Err(FrameError::TooLong)]);
        assert_eq!(read(&mut reader, &frame), [Ok(request())]);
        assert_eq!(read(&mut reader, &frame[3..]).len(), 1);
        assert_eq!(read(&mut reader, &frame), [Ok(request())]);
    }

    #[test]
    fn more_numbers_than_fit_do_not_decode() {
        let mut buffer = [0; 128];
        let observation = Vec::<f32, 4>::from_slice(&[1.0; 4]).unwrap();
        let message = Request::<4>::Decide { sequence: 1, observation };
        let frame = encode(&message, &mut buffer).unwrap().len() - 1;
        assert_eq!(decode::<Request<3>>(&mut buffer[..frame]), Err(FrameError::Message));
    }

    proptest! {
        #[test]
        fn messages_round_trip_and_fit_their_buffers(
            sequence in any::<u32>(), numbers in proptest::collection::vec(any::<f32>(), 0..=40),
        ) {
            let action = Vec::<f32, 40>::from_slice(&numbers).unwrap();
            let message = Reply::<40>::Action { sequence, action, ticks: u32::MAX, mode: Mode::Fallback };
            let mut buffer = [0; frame_capacity(40)];
            let len = encode(&message, &mut buffer).unwrap().len();
            let decoded: Reply<40> = decode(&mut buffer[..len - 1]).unwrap();
            let Reply::Action { sequence: s, action, .. } = decoded else { panic!("another message") };
            prop_assert_eq!(s, sequence);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<std::vec::Vec<_>>();
            prop_assert_eq!(bits(&action), bits(&numbers));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&mut FrameReader::new(), &bytes);
        }
    }
}
