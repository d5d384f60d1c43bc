//! A run on disk: directory, metrics, checkpoints; and what a person sees of it.

pub mod checkpoint;
pub mod directory;
pub mod events;
pub mod lock;
pub mod metrics;
pub mod progress;
pub mod tensorboard;
