//! The firmware on the emulated microcontroller, and what its linked programs contain.
#![allow(clippy::unwrap_used)]

mod emulator;
mod firmware;
mod kernels;
mod memory;
mod panics;
mod sizes;
mod supervision;
mod update;

// Files of the firmware that the workstation can run.

#[path = "../../../firmware/src/parity.rs"]
pub mod parity;

#[path = "../../../firmware/src/board/reset.rs"]
mod reset;
