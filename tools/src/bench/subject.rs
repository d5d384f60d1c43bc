//! What is compared: programs, and the families of functions in them.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Result, bail};

use super::peers::{Peer, Workshop};
use crate::project::Project;
use crate::report::{Step, say};
use crate::run;
use crate::setup::place;
use crate::setup::toolchain::TARGET;

/// How a family's outputs relate to those of our plain kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Agreement {
    /// The same bits.
    Bits,
    /// Within this share of the largest output.
    Within(f32),
}

/// The functions `<prefix>_<network>` of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(crate) prefix: &'static str,
    pub(crate) label: &'static str,
    pub(crate) numbers: &'static str,
    pub(crate) agreement: Agreement,
}

/// A program to be built and run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// Ours, with these features.
    Ours(&'static str),
    /// Another library's.
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

/// Everything, in the order of the table; the first family is the one that all are held against.
pub(crate) const PROGRAMS: [(Program, &[Family]); 6] = [
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
    /// After the compiler's own words.
    pub(crate) fn build(self, project: &Project, workshop: &Workshop) -> Result<PathBuf> {
        match self {
            Self::Peer(peer) => workshop.build(project, peer),
            Self::Ours(features) => ours(project, "bench-mcu", features),
        }
    }
}

/// Builds a program of `firmware/bench` and returns its ELF.
///
/// # Errors
/// After the compiler's own words.
pub(crate) fn ours(project: &Project, program: &str, features: &str) -> Result<PathBuf> {
    let step = Step::spinner(format!("building our {program} {features}"));
    let dir = project.firmware().join("bench");
    let target = dir.join("target");
    let mut cargo = run::firmware_cargo(&dir);
    cargo.args(["build", "--release", "--bin", program, "--features", features]);
    cargo.arg("--target-dir").arg(&target).stdin(Stdio::null());
    let output = run::output(&mut cargo)?;
    if !output.status.success() {
        say(String::from_utf8_lossy(&output.stderr));
        bail!("our {program} does not build; the messages above say why");
    }
    // The next build would overwrite it.
    let built = target.join(TARGET).join("release").join(program);
    let name = if features.is_empty() { "plain" } else { features };
    let kept = target.join(format!("{program}-{name}.elf"));
    std::fs::copy(&built, &kept).map_err(|error| place::explain(error, &kept))?;
    step.done();
    Ok(kept)
}
