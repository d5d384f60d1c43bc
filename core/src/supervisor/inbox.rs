//! The inbox: turns received bytes into requests.

use crate::model::Plan;
use crate::protocol::{FrameError, FrameReader, Refusal, Request, Sequence, Transfer};
use core::ops::Range;
use heapless::Vec;
use nalgebra::SVector;

/// Largest number of bytes taken from the link at once.
const BATCH: usize = 512;

/// A request of the host, checked as far as that is possible without the policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming<const OBS: usize> {
    /// [`Request::Hello`].
    Hello,
    /// Readings that are not yet guarded: a [`Request::Decide`] of the right length, or a
    /// [`Request::Sample`].
    Readings {
        /// The request's sequence number.
        sequence: u32,
        /// The plant's time, when the request contains it.
        time_us: Option<u32>,
        /// `[OBS]`, in the units of the image's metadata; `None` for a signal that was not read.
        signals: [Option<f32>; OBS],
    },
    /// [`Request::Measure`], of the right length.
    Measure(SVector<f32, OBS>),
    /// [`Request::Arm`].
    Arm,
    /// [`Request::Status`].
    Status,
    /// [`Request::Disarm`].
    Disarm,
    /// [`Request::Plan`].
    Plan(Plan),
    /// [`Request::Planned`].
    Planned,
    /// [`Request::Policies`].
    Policies,
    /// [`Request::Transfer`].
    Transfer(Transfer),
    /// [`Request::Goodbye`].
    Goodbye,
    /// A message that is not a usable request.
    Refused {
        /// The request's sequence number, 0 when it could not be read.
        sequence: u32,
        /// Why the message was refused.
        reason: Refusal,
    },
}

/// Collects received bytes and reads requests from them. `CAPACITY` is
/// [`frame_capacity`](crate::protocol::frame_capacity).
#[derive(Clone, Debug)]
pub struct Inbox<const OBS: usize, const CAPACITY: usize> {
    reader: FrameReader<CAPACITY>,
    sequence: Sequence,
    bytes: [u8; BATCH],
    unread: Range<usize>,
    /// A request that was read after readings that must be handled first.
    next: Option<Incoming<OBS>>,
}

impl<const OBS: usize, const CAPACITY: usize> Inbox<OBS, CAPACITY> {
    /// An empty inbox.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reader: FrameReader::new(),
            sequence: Sequence::new(),
            bytes: [0; BATCH],
            unread: 0..0,
            next: None,
        }
    }

    /// Returns the newest request. Calls `receive` for bytes once when no request is stored. When several
    /// readings of all signals have arrived together, only the newest counts: the older readings get no
    /// answer.
    ///
    /// # Errors
    /// The errors of `receive`.
    pub fn newest<E>(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Option<Incoming<OBS>>, E> {
        if let Some(incoming) = self.read() {
            return Ok(Some(incoming));
        }
        self.unread = 0..receive(&mut self.bytes)?;
        Ok(self.read())
    }

    fn read(&mut self) -> Option<Incoming<OBS>> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        let mut newest = None;
        while let Some(byte) = self.unread.next().and_then(|at| self.bytes.get(at)) {
            let Some(request) = self.reader.push(*byte) else { continue };
            match (self.check(request), &newest) {
                (incoming, _) if is_whole(&incoming) => newest = Some(incoming),
                (incoming, None) => return Some(incoming),
                (incoming, Some(_)) => {
                    self.next = Some(incoming);
                    return newest;
                }
            }
        }
        newest
    }

    fn check(&mut self, request: Result<Request<OBS>, FrameError>) -> Incoming<OBS> {
        let refused = |sequence, reason| Incoming::Refused { sequence, reason };
        let request = match request {
            Ok(request) => request,
            Err(error) => return refused(0, Refusal::Frame(error)),
        };
        match request {
            Request::Hello => {
                self.sequence = Sequence::new();
                Incoming::Hello
            }
            Request::Goodbye => Incoming::Goodbye,
            Request::Arm => Incoming::Arm,
            Request::Status => Incoming::Status,
            Request::Disarm => Incoming::Disarm,
            Request::Plan(plan) => Incoming::Plan(plan),
            Request::Planned => Incoming::Planned,
            Request::Policies => Incoming::Policies,
            Request::Transfer(transfer) => Incoming::Transfer(transfer),
            Request::Measure { observation } => match array(&observation) {
                Some(observation) => Incoming::Measure(SVector::from(observation)),
                None => refused(0, Refusal::WrongLength),
            },
            Request::Decide { sequence, observation } => {
                let signals: Vec<Option<f32>, OBS> = observation.into_iter().map(Some).collect();
                self.readings(sequence, None, &signals)
            }
            Request::Sample { sequence, time_us, signals } => {
                self.readings(sequence, Some(time_us), &signals)
            }
        }
    }

    fn readings(
        &mut self,
        sequence: u32,
        time_us: Option<u32>,
        signals: &[Option<f32>],
    ) -> Incoming<OBS> {
        match (self.sequence.accept(sequence), array(signals)) {
            (Err(reason), _) => Incoming::Refused { sequence, reason },
            (_, None) => Incoming::Refused { sequence, reason: Refusal::WrongLength },
            (_, Some(signals)) => Incoming::Readings { sequence, time_us, signals },
        }
    }
}

impl<const OBS: usize, const CAPACITY: usize> Default for Inbox<OBS, CAPACITY> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a request contains readings of all signals, so that it replaces earlier readings.
fn is_whole<const OBS: usize>(incoming: &Incoming<OBS>) -> bool {
    matches!(incoming, Incoming::Readings { signals, .. } if signals.iter().all(Option::is_some))
}

fn array<T: Copy, const N: usize>(numbers: &[T]) -> Option<[T; N]> {
    <[T; N]>::try_from(numbers).ok()
}
