//! The parts of the control loop in `main.rs`.
//!
//! | module | content |
//! |---|---|
//! | [`policy`] | the sizes that this firmware was built for, and the image that is flashed with it |
//! | [`flash`] | the addresses of the two slots in flash |
//! | [`update`] | the choice between the images of the slots, and the reception of a new image |
//! | [`controller`] | boot: from a checked image to a supervised control loop |
//! | [`networks`] | the networks of the image |
//! | [`machine`] | the hardware: `board.rs` or `emulator.rs` |
//! | [`events`] | the log of a tick's events |
//! | [`failure`] | why a run ends, and the exit codes |
//! | [`stack`] | the largest use of the stack |
//! | [`parity`] | a workload whose bits are compared between machines |
#![no_std]
#![deny(missing_docs)]

#[cfg(all(feature = "board", feature = "emulator"))]
compile_error!(
    "features `board` and `emulator` exclude each other: for the emulator add --no-default-features"
);
#[cfg(not(any(feature = "board", feature = "emulator")))]
compile_error!(
    "no machine chosen: build with the default feature `board`, or with --features emulator"
);

#[cfg(all(feature = "board", not(feature = "emulator")))]
pub mod board;
mod broken;
pub mod controller;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod events;
pub mod failure;
pub mod flash;
pub mod networks;
pub mod parity;
pub mod policy;
pub mod stack;
pub mod update;

#[cfg(all(feature = "board", not(feature = "emulator")))]
pub use board as machine;
#[cfg(feature = "emulator")]
pub use emulator as machine;
