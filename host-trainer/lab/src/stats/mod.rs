//! Statistics over seeds and tasks, with bootstrap intervals.

#[cfg(test)]
mod against_rliable;
mod bootstrap;
pub mod statistics;

pub use bootstrap::{Bootstrap, Estimate};
