//! The compared programs, and the families of functions in them.

use std::path::PathBuf;

use anyhow::Result;

use super::peers::{Peer, Workshop};
use crate::files::explain;
use crate::process;
use crate::progress::Step;
use crate::project::Project;
use crate::setup::toolchain::TARGET;

/// How closely a family's outputs must agree with those of our plain kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Agreement {
    /// The same bits.
    Bits,
    /// Within this share of the largest output.
    Within(f32),
}

/// The functions `<prefix>_<network>` of a program, one for each network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) prefix: &'static str,
    pub(super) label: &'static str,
    pub(super) numbers: &'static str,
    pub(super) agreement: Agreement,
}

/// A program.
#[derive(Debug, Clone, Copy)]
pub(super) enum Program {
    /// Our program, with these cargo features.
    Ours(&'static str),
    /// The program of another library.
    Peer(Peer),
}

const fn family(
    prefix: &'static str,
    label: &'static str,
    numbers: &'static str,
    agreement: Agreement,
) -> Family {
    Family { prefix, label, numbers, agreement }
}

use Agreement::{Bits, Within};

/// All programs, in the order of the table; all others are compared with the first family.
pub(super) const PROGRAMS: [(Program, &[Family]); 6] = [
    (
        Program::Ours(""),
        &[
            family("forward_f32", "ours, safe Rust", "f32", Bits),
            family("forward_i16", "ours, safe Rust", "i16", Within(3e-3)),
            family("forward_i8", "ours, safe Rust", "i8", Within(3e-2)),
        ],
    ),
    (
        Program::Ours("asm"),
        &[
            family("forward_f32", "ours, assembly, VMLA", "f32", Bits),
            family("forward_i16", "ours, assembly, SMLAD", "i16", Within(3e-3)),
            family("forward_i8", "ours, assembly, SMLAD", "i8", Within(3e-2)),
        ],
    ),
    (Program::Ours("asm-vmul"), &[family("forward_f32", "ours, assembly, VMUL+VADD", "f32", Bits)]),
    (
        Program::Peer(Peer::RlTools),
        &[
            family("arm_f32", "RLtools 2.2.1, for Arm", "f32", Within(1e-4)),
            family("generic_f32", "RLtools 2.2.1, generic", "f32", Within(1e-4)),
        ],
    ),
    (
        Program::Peer(Peer::CmsisDsp),
        &[family("dsp_f32", "CMSIS-DSP 1.10.3, mat_vec", "f32", Within(1e-4))],
    ),
    (Program::Peer(Peer::Microflow), &[family("microflow", "microflow 0.1.3", "i8", Within(1e-1))]),
];

impl Program {
    /// Builds the program and returns its ELF.
    ///
    /// # Errors
    /// When it does not build; cargo's messages have been printed.
    pub(super) fn build(self, project: &Project, workshop: &Workshop) -> Result<PathBuf> {
        match self {
            Self::Peer(peer) => workshop.build(project, peer),
            Self::Ours(features) => ours(project, "bench-mcu", features),
        }
    }
}

/// Builds a program of `firmware/bench` and returns its ELF.
///
/// # Errors
/// When it does not build; cargo's messages have been printed.
pub(super) fn ours(project: &Project, program: &str, features: &str) -> Result<PathBuf> {
    let step = Step::new(format!("building our {program} {features}"));
    let dir = project.firmware().join("bench");
    let target = dir.join("target");
    let mut cargo = process::firmware_cargo(&dir);
    cargo.args(["build", "--release", "--bin", program, "--features", features]);
    cargo.arg("--target-dir").arg(&target);
    process::build(&mut cargo, &format!("our {program}"))?;
    // The next build would overwrite the program.
    let built = target.join(TARGET).join("release").join(program);
    let name = if features.is_empty() { "plain" } else { features };
    let kept = target.join(format!("{program}-{name}.elf"));
    std::fs::copy(&built, &kept).map_err(|error| explain(error, &kept))?;
    step.done();
    Ok(kept)
}
