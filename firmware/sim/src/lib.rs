//! The firmware's control loop on the workstation.
//!
//! [`daa_core::supervisor::Session`] is the loop of the firmware, line by line; here it runs against a
//! robot of the suite, over a cable with injected faults, by a clock that is a number.

pub mod brain;
pub mod campaign;
pub mod episode;
pub mod fault;
pub mod plant;
