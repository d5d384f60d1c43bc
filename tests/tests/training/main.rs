//! Training runs as a user starts them: reproducible, resumable, measured; with tasks of the suite and of users.
#![allow(clippy::unwrap_used)]

mod experiment;
mod own_task;
mod replay;
mod resume;
mod save;
mod sweep;
mod train;
mod variance;
