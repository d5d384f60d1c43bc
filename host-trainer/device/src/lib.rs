//! Access to a microcontroller from the workstation: hardware in the loop, upload of a policy, and the planner
//! of the firmware with the same bits.

pub mod hil;
mod link;
pub mod planning;
pub mod upload;
