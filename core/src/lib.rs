//! Policies, dynamics models and all-action advantages with one arithmetic on every machine.
//!
//! This crate knows no operating system, no allocator, no clock, no random source and no hardware:
//! time, noise and bytes come in as arguments. The same functions act for the trainer on the
//! workstation, prove themselves in the emulator, and control the actuators on the board, and they
//! give the same bits everywhere (see [`kernel`]).
//!
//! | module | what it is |
//! |---|---|
//! | [`kernel`] | one affine layer in one fixed order of operations |
//! | [`integer`] | networks with integer weights |
//! | [`sizes`] | sizes of networks, known at compile time or at run time |
//! | [`mlp`] | two-hidden-layer networks over borrowed weights |
//! | [`policy`] | observation -> normaliser -> network -> tanh -> action limits, and its Gaussian |
//! | [`dynamics`] | transition and reward networks |
//! | [`advantage`] | GAE, TD(lambda) and the advantages of imagined actions |
//! | [`imagination`] | N actions, H steps through a model |
//! | [`planner`] | the best of N actions by their advantages |
//! | [`image`] | the `.daa` file: writing and checked reading |
//! | [`guard`] | what may go into a policy and what may leave it |
//! | [`ladder`] | RUN, HOLD, FALLBACK, SAFE |
//! | [`fallback`] | what acts while the policy is not trusted |
//! | [`monitor`] | the dynamics' prediction error against its quantiles |
//! | [`supervisor`] | the control tick of all these, and the loop around it |
//! | [`fault`] | faults to be injected between plant and controller |
//! | [`slots`] | two places for an image, and which of them acts |
//! | [`link`] | framed messages between host and microcontroller |
//! | [`reset`] | why the processor started |
//!
//! The algorithm is that of Nauman & Cygan, "On All-Action Policy Gradients" (2022); equation and
//! section numbers in these pages are that paper's.
#![no_std]
// Feature `asm` lets one file be: `kernel/asm.rs`.
#![deny(unsafe_code)]
#![cfg_attr(not(feature = "asm"), forbid(unsafe_code))]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!(
    "policy images are little-endian and used in place: big-endian targets are not supported"
);

mod compat;
pub mod image;
pub mod math;
pub mod model;
pub mod policy;
pub mod protocol;
pub mod safety;
pub mod supervisor;
pub mod update;

#[doc(hidden)]
pub use compat::*;
pub use math::{Activation, DynMlp, Mlp, MlpShape, Normaliser};
pub use nalgebra::SVector;
pub use policy::{DynPolicy, Policy};
