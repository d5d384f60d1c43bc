//! Everything that the control loop in `main.rs` is made of.
//!
//! | module | what it is |
//! |---|---|
//! | [`policy`] | the sizes that this firmware was built for, and the image that comes with it |
//! | [`slots`] | the two places for an image in flash, and how a new one gets there |
//! | [`controller`] | checked image in, supervised control loop out |
//! | [`brain`] | the image's networks |
//! | [`machine`] | all the hardware there is: `board.rs` or `emulator.rs` |
//! | [`events`] | what is logged of a tick |
//! | [`failure`] | what can end a run, and with which exit code |
//! | [`stack`] | how much of it was ever used |
//! | [`parity`] | a workload whose result in bits is compared between machines |
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
pub mod networks;
pub mod parity;
pub mod policy;
pub mod stack;
pub mod update;

#[cfg(all(feature = "board", not(feature = "emulator")))]
pub use board as machine;
#[cfg(feature = "emulator")]
pub use emulator as machine;
