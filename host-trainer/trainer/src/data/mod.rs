//! What a run has seen: running statistics, replay buffers, and batches made ready to learn from.

mod batch;
mod experience;
mod minibatch;
mod replay;

pub use batch::{RealRollout, Samples};
pub use experience::{Experience, Prepared, SeedStatistics, Units};
pub use minibatch::Shuffle;
pub use replay::{ReplayBuffer, Transition};
