//! The arrows between crates, modules and files point one way.
#![allow(clippy::unwrap_used)]

mod circles;
mod crates;
