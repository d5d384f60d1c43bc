//! Framed messages between host and microcontroller.
//!
//! | module | content |
//! |---|---|
//! | [`message`] | requests and replies |
//! | [`frame`] | messages as bytes: COBS, CRC-32 |
//! | `sequence` | which requests are new |
//! | `reset`, `timing` | what the controller reports about itself |

pub mod frame;
pub mod message;
mod reset;
mod sequence;
#[cfg(test)]
mod tests;
mod timing;

pub use frame::{FrameError, FrameReader, decode, encode, frame_capacity};
pub use message::{
    Identity, Measurement, PIECE_BYTES, PROTOCOL_VERSION, Policies, Refusal, Reply, Request,
    Status, Transfer,
};
pub use reset::ResetCause;
pub use sequence::Sequence;
pub use timing::Timing;
