//! Where the metrics and the advice of a run go: files and the terminal.

pub mod advice;
pub mod events;
pub mod progress;
pub mod tensorboard;
