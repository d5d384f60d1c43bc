//! Data of a run: running statistics, replay buffers, and batches that are ready to learn from.

mod batch;
mod minibatch;
mod normalisation;
mod replay;
mod running_stats;

pub use batch::{RolloutBatch, ScoredBatch};
pub use minibatch::Shuffle;
pub use normalisation::Normalisation;
pub use replay::{ReplayBuffer, Transition, store};
pub use running_stats::{RunningStats, SeedStatistics};
