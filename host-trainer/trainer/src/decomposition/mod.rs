//! The paper's variance decomposition (Lemmas 1 and 2, Theorem 1, Corollary 1), estimated from the
//! gradients of samples. `docs/variance.md` explains the mathematics.

mod accumulator;
mod actor;
mod batch;
#[cfg(test)]
mod batch_test;
mod choice;
mod lemmas;
mod projection;
mod samples;
mod streams;

pub use accumulator::{Accumulator, Estimate};
pub use actor::{Actor, Critic, Pass, Scores, dot};
pub use batch::{BatchSamples, Jackknife, Pieces, Uncertain, measure_batch, student};
pub use choice::{Prices, next_num_actions};
pub use lemmas::{Components, Condition, Verdict, corollary_1};
pub use projection::Projection;
pub use samples::TrajectoryGradients;
pub use streams::{Draws, stream};
