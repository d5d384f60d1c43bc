//! From bytes to the newest request.

use crate::failure::Failure;
use crate::machine::Machine;
use crate::policy::OBS;
use core::ops::Range;
use daa_core::SVector;
use daa_core::link::{FrameError, FrameReader, Refusal, Request, Sequence, frame_capacity};

/// Bytes taken from the link at once.
const BATCH: usize = 512;

/// What the host wants, as far as it can be known without the policy.
pub enum Incoming {
    /// [`Request::Hello`].
    Hello,
    /// A fresh observation of the right length, not yet guarded.
    Decide {
        /// Of the request.
        sequence: u32,
        /// `[OBS]`, in the passport's units.
        observation: SVector<f32, OBS>,
    },
    /// [`Request::Measure`], of the right length.
    Measure(SVector<f32, OBS>),
    /// [`Request::Goodbye`].
    Goodbye,
    /// No usable request.
    Refused {
        /// Of the request, 0 when it could not be read.
        sequence: u32,
        /// Why.
        reason: Refusal,
    },
}

/// Received bytes, read into requests.
pub struct Inbox {
    reader: FrameReader<{ frame_capacity(OBS) }>,
    sequence: Sequence,
    bytes: [u8; BATCH],
    unread: Range<usize>,
    /// Already read, but behind an observation that had to be answered first.
    next: Option<Incoming>,
}

impl Inbox {
    /// An empty inbox.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "there is one inbox, and nothing default about it"
    )]
    pub const fn new() -> Self {
        Self {
            reader: FrameReader::new(),
            sequence: Sequence::new(),
            bytes: [0; BATCH],
            unread: 0..0,
            next: None,
        }
    }

    /// Waits for a request. Of observations that have arrived together only the newest counts: those
    /// that it overtakes get no answer.
    ///
    /// # Errors
    /// [`Failure::LinkClosed`].
    pub fn newest(&mut self, machine: &mut Machine) -> Result<Incoming, Failure> {
        loop {
            if let Some(incoming) = self.read() {
                return Ok(incoming);
            }
            self.unread = 0..machine.receive(&mut self.bytes)?;
        }
    }

    /// The newest request among the bytes at hand.
    fn read(&mut self) -> Option<Incoming> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        let mut newest = None;
        while let Some(byte) = self.unread.next().and_then(|at| self.bytes.get(at)) {
            let Some(request) = self.reader.push(*byte) else { continue };
            match (self.check(request), &newest) {
                (incoming @ Incoming::Decide { .. }, _) => newest = Some(incoming),
                (incoming, None) => return Some(incoming),
                (incoming, Some(_)) => {
                    self.next = Some(incoming);
                    return newest;
                }
            }
        }
        newest
    }

    fn check(&mut self, request: Result<Request<OBS>, FrameError>) -> Incoming {
        let refused = |sequence, reason| Incoming::Refused { sequence, reason };
        match request {
            Err(error) => refused(0, Refusal::Frame(error)),
            Ok(Request::Hello) => {
                self.sequence = Sequence::new();
                Incoming::Hello
            }
            Ok(Request::Goodbye) => Incoming::Goodbye,
            Ok(Request::Measure { observation }) => match vector(&observation) {
                Some(observation) => Incoming::Measure(observation),
                None => refused(0, Refusal::WrongLength),
            },
            Ok(Request::Decide { sequence, observation }) => {
                match (self.sequence.accept(sequence), vector(&observation)) {
                    (Err(reason), _) => refused(sequence, reason),
                    (_, None) => refused(sequence, Refusal::WrongLength),
                    (_, Some(observation)) => Incoming::Decide { sequence, observation },
                }
            }
        }
    }
}

fn vector(numbers: &[f32]) -> Option<SVector<f32, OBS>> {
    <[f32; OBS]>::try_from(numbers).ok().map(SVector::from)
}
