//! A/B update of the policy: two slots in flash, and which of their images acts.
//!
//! | file | content |
//! |---|---|
//! | `slots` | the two slots, and the choice between their images at boot |
//! | `record` | the records at the beginning of a slot |
//! | `receive` | a new image is written into the slot that does not act |
//! | `trial` | how long a new image is tried before it is confirmed |
//!
//! A slot is [`RECORD_BYTES`] of records and then the image. A record is four words: tag and stage, the
//! image's sequence number, the image's CRC-32, a CRC-32 of these three. Records are only ever appended;
//! the last valid record counts, and a torn record is ignored. The slot whose policy acts is never
//! written to, records aside, so power may fail during any operation.
//!
//! | last record | at boot |
//! |---|---|
//! | none | slot A: a programmer put the image there, so it is recorded as confirmed and the newest; slot B: ignored |
//! | [`Receiving`](Stage::Receiving) | ignored |
//! | [`Shadow`](Stage::Shadow) | on trial, in shadow; after a crash rejected |
//! | [`Trial`](Stage::Trial) | the trial ended with a reset: rejected |
//! | [`Confirmed`](Stage::Confirmed) | the newest confirmed image acts |
//! | [`Rejected`](Stage::Rejected) | ignored |

mod error;
mod receive;
mod record;
mod slots;
#[cfg(test)]
mod tests;
mod trial;

pub use error::UpdateError;
pub use receive::Update;
pub use record::{RECORD_BYTES, RECORD_WORDS, Record, Slot, Stage};
pub use slots::{Boot, Slots};
pub use trial::TrialLength;
