//! Other libraries, fetched into `.deps/bench/` and compiled with the same networks.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{microflow, networks};
use crate::files;
use crate::process;
use crate::progress::Step;
use crate::project::Project;
use crate::setup::pip::{self, CMSIS_DSP, RLTOOLS};
use crate::setup::place::{Hold, Place};
use crate::setup::system;

/// Compiler and C library for the microcontroller.
const GCC: system::Program = system::Program {
    name: "arm-none-eabi-g++",
    packages: &["gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib"],
    purpose: "compiles the other libraries for the microcontroller",
    present: || process::find_program("arm-none-eabi-g++").is_some(),
};

/// Compiler options: everything for speed, as in our release builds.
const FLAGS: [&str; 9] = [
    "-mcpu=cortex-m4",
    "-mthumb",
    "-mfloat-abi=hard",
    "-mfpu=fpv4-sp-d16",
    "-O3",
    "-ffunction-sections",
    "-fdata-sections",
    "-nostartfiles",
    "-Wl,--gc-sections",
];

/// Another library's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    RlTools,
    CmsisDsp,
    Microflow,
}

/// The folder of the libraries' sources and of the networks' weights.
pub(super) struct Workshop {
    dir: PathBuf,
    ours: PathBuf,
}

impl Workshop {
    /// Fetches what is missing.
    ///
    /// # Errors
    /// When the compiler or a library cannot be fetched, or the disk is full.
    pub(super) fn open(project: &Project) -> Result<Self> {
        system::ensure(&GCC)?;
        let dir = project.deps().join("bench");
        let _hold = Hold::on(&dir)?;
        let rltools = Place { parent: &dir, name: "rltools", origin: RLTOOLS.origin() };
        if !rltools.is_current() {
            let inside = "rltools/external/rl_tools/include/";
            let header = |name: &str| name.strip_prefix(inside).map(PathBuf::from);
            rltools.install(|new| pip::take(project, RLTOOLS, new, header))?;
        }
        let cmsis = Place { parent: &dir, name: "cmsis-dsp", origin: CMSIS_DSP.origin() };
        if !cmsis.is_current() {
            cmsis.install(|new| CMSIS_DSP.unpack_sources(project, new))?;
        }
        let workshop = Self { ours: project.firmware().join("bench/peers"), dir };
        workshop.write_numbers()?;
        Ok(workshop)
    }

    /// Writes the networks (for each layer weights `[out][in]`, then biases) and the observation.
    fn write_numbers(&self) -> Result<()> {
        let save = |name: &str, numbers: &[f32]| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            files::write(&self.dir.join(name), bytes)
        };
        save("observation.f32", &networks::observation(24))?;
        for network in networks::NETWORKS {
            let (inputs, hidden, outputs) = network;
            let weights = networks::weights(network);
            let (mut rest, mut turned) = (weights.as_slice(), Vec::new());
            for (rows, columns) in [(inputs, hidden), (hidden, hidden), (hidden, outputs)] {
                let (layer, more) = rest.split_at(rows * columns);
                let (bias, more) = more.split_at(columns);
                for column in 0..columns {
                    turned.extend(layer.iter().skip(column).step_by(columns));
                }
                turned.extend_from_slice(bias);
                rest = more;
            }
            save(&format!("{}.f32", networks::name(network)), &turned)?;
        }
        Ok(())
    }

    /// Builds a program.
    ///
    /// # Errors
    /// When it does not build; the compiler's messages are in the error.
    pub(super) fn build(&self, project: &Project, peer: Peer) -> Result<PathBuf> {
        let (name, compiler, source, library): (_, _, _, &[&str]) = match peer {
            Peer::Microflow => return microflow::build(project, &self.dir),
            Peer::RlTools => ("rltools.elf", "arm-none-eabi-g++", "rltools.cpp", &[]),
            Peer::CmsisDsp => (
                "cmsis-dsp.elf",
                "arm-none-eabi-gcc",
                "cmsis_dsp.c",
                &[
                    "MatrixFunctions/arm_mat_vec_mult_f32.c",
                    "BasicMathFunctions/arm_add_f32.c",
                    "BasicMathFunctions/arm_clip_f32.c",
                ],
            ),
        };
        let step = Step::new(format!("building {name}"));
        let elf = self.dir.join(name);
        let mut gcc = Command::new(compiler);
        gcc.args(FLAGS).arg("-I").arg(&self.ours).arg(format!("-Wa,-I{}", self.dir.display()));
        if peer == Peer::RlTools {
            gcc.args(["-std=c++17", "-fno-exceptions", "-fno-rtti"]);
            gcc.arg("-I").arg(self.dir.join("rltools"));
            gcc.args(["-x", "c++"]).arg(self.ours.join(source));
        } else {
            gcc.arg("-DARM_MATH_LOOPUNROLL");
            for folder in ["Include", "PrivateInclude"] {
                gcc.arg("-I").arg(self.dir.join("cmsis-dsp").join(folder));
            }
            gcc.args(["-x", "c"]).arg(self.ours.join(source));
        }
        for file in library {
            gcc.arg(self.dir.join("cmsis-dsp/Source").join(file));
        }
        gcc.args(["-x", "c"]).arg(self.ours.join("harness.c"));
        gcc.args(["-x", "assembler-with-cpp"]).arg(self.ours.join("data.S"));
        gcc.arg("-T").arg(self.ours.join("peer.ld")).arg("-o").arg(&elf);
        let output = process::output(&mut gcc)?;
        if !output.status.success() {
            bail!("{source} did not build:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        step.done();
        Ok(elf)
    }
}
