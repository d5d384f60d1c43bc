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

// Files of the firmware and of its tools that the workstation can run.

#[path = "../../../firmware/src/parity.rs"]
pub mod parity;

#[path = "../../../firmware/src/board/reset.rs"]
mod reset;

#[path = "../../../tools/src/segments.rs"]
mod segments;
