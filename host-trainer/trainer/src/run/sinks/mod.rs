//! Outputs for the metrics and the advice of a run: files and the terminal.

pub mod advice;
pub mod events;
pub mod progress;
pub mod tensorboard;
