//! What the programs print and refuse, and every command in the documentation.
#![allow(clippy::unwrap_used)]

mod docs;
mod errors;
mod report;
mod terminal;
mod xtask_errors;
