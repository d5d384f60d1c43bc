//! The firmware's control loop on the workstation.
//!
//! [`daa_core::supervisor::Session`] is the control loop that the firmware runs. Here the same code controls a
//! simulated robot: faults are injected between robot and controller, and a counter replaces the clock.

pub mod brain;
pub mod campaign;
pub mod episode;
pub mod fault;
pub mod plant;
