//! A microcontroller seen from the workstation: hardware in the loop, upload of a policy, and the
//! firmware's planner with the same bits.

pub mod hil;
mod link;
pub mod planning;
pub mod upload;
