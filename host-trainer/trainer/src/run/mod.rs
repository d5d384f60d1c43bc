//! A run on disk: directory, lock, checkpoints, and the sinks that receive its metrics.

#[cfg(test)]
mod advice_test;
pub mod checkpoint;
pub mod directory;
pub mod lock;
pub mod open;
pub mod sinks;
