//! Policies, dynamics models and all-action advantages with one arithmetic on every machine.
//!
//! This crate uses no operating system, allocator, clock, random source or hardware: time, noise and
//! bytes are arguments. The trainer on the workstation, the emulator and the board run the same functions
//! and compute the same bits (see [`math::kernel`]).
//!
//! Each module imports only modules above it in this table:
//!
//! | module | content |
//! |---|---|
//! | [`math`] | kernels, networks, normalisation, Gaussians, advantages |
//! | [`policy`] | observation -> normaliser -> network -> head -> action limits |
//! | [`model`] | the learned dynamics, rollouts through them, and planning |
//! | [`safety`] | guards, the safety state machine, fallback controllers, the monitor of predictions |
//! | [`image`] | the `.daa` file: writing and checked reading |
//! | [`update`] | A/B update of the policy: two slots in flash |
//! | [`protocol`] | framed messages between host and microcontroller |
//! | [`supervisor`] | the control tick, and the loop around it |
//!
//! The algorithm is that of Nauman & Cygan, "On All-Action Policy Gradients" (2022); equation and
//! section numbers in these pages are that paper's.
#![no_std]
// Feature `asm` allows unsafe code in one file: `math/kernel/asm.rs`.
#![deny(unsafe_code)]
#![cfg_attr(not(feature = "asm"), forbid(unsafe_code))]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!(
    "policy images are little-endian and used in place: big-endian targets are not supported"
);

pub mod image;
pub mod math;
pub mod model;
pub mod policy;
pub mod protocol;
pub mod safety;
pub mod supervisor;
pub mod update;

pub use math::{Activation, DynMlp, Mlp, MlpShape, Normaliser};
pub use nalgebra::SVector;
pub use policy::{DynPolicy, Policy};
