//! Other libraries, fetched into `.deps/bench/` and built around the same networks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::networks;
use crate::project::{Project, cache_dir};
use crate::report::Step;
use crate::run;
use crate::setup::place::{self, Hold, Place, explain};
use crate::setup::system;
use crate::setup::wheels::{Wheel, extract};

/// Compiler and C library for the microcontroller.
const GCC: system::Program = system::Program {
    name: "arm-none-eabi-g++",
    packages: &["gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib"],
    purpose: "builds the other libraries for the microcontroller",
    present: || run::find_program("arm-none-eabi-g++").is_some(),
};

const RLTOOLS: Wheel = Wheel {
    package: "rltools",
    version: "2.2.1",
    file: "rltools-2.2.1-py3-none-any.whl",
    bytes: 596_790,
    sha256: "d36327057d57cdc290d1342165b4240b7db007896527a50f954c6966691dd8d7",
};

/// Sources: pip must not build them.
const CMSIS_DSP: (&str, &str, &str) =
    ("cmsisdsp", "1.10.3", "307d32298faa7c58db912851027fce35f886fec7eb1a27c4b309ce1a97f47519");

/// As for a release of ours: everything for speed.
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
pub(crate) enum Peer {
    RlTools,
    CmsisDsp,
    Microflow,
}

/// The libraries' sources and the networks' numbers.
pub(crate) struct Workshop {
    dir: PathBuf,
    ours: PathBuf,
}

impl Workshop {
    /// Fetches what is missing.
    ///
    /// # Errors
    /// When the compiler, a library or the disk is not to be had.
    pub(crate) fn open(project: &Project) -> Result<Self> {
        system::ensure(&GCC)?;
        let dir = project.deps().join("bench");
        let _hold = Hold::on(&dir)?;
        let rltools = Place { parent: &dir, name: "rltools", origin: RLTOOLS.pin() };
        if !rltools.is_current() {
            rltools.install(|new| {
                let inside = "rltools/external/rl_tools/include/";
                extract(&mut RLTOOLS.open(&cache_dir()?)?, new, "RLtools", |name| {
                    name.strip_prefix(inside).map(PathBuf::from)
                })
            })?;
        }
        let (package, version, sha256) = CMSIS_DSP;
        let origin = format!("{package} {version} sha256 {sha256}");
        let cmsis = Place { parent: &dir, name: "cmsis-dsp", origin };
        if !cmsis.is_current() {
            cmsis.install(fetch_cmsis_dsp)?;
        }
        let workshop = Self { ours: project.firmware().join("bench/peers"), dir };
        workshop.write_numbers()?;
        Ok(workshop)
    }

    /// Weights `[out][in]`, then biases, layer by layer; and the observation.
    fn write_numbers(&self) -> Result<()> {
        let save = |name: &str, numbers: &[f32]| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            place::write(&self.dir.join(name), bytes)
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
    /// After the compiler's own words.
    pub(crate) fn build(&self, project: &Project, peer: Peer) -> Result<PathBuf> {
        let (name, compiler, source, library): (_, _, _, &[&str]) = match peer {
            Peer::Microflow => return super::microflow::build(project, &self.dir),
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
        let step = Step::spinner(format!("building {name}"));
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
        let output = run::output(gcc.stdin(Stdio::null()))?;
        if !output.status.success() {
            bail!("{source} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        step.done();
        Ok(elf)
    }
}

/// The sources of CMSIS-DSP, as its package on the Python index has them.
fn fetch_cmsis_dsp(new: &Path) -> Result<()> {
    let (package, version, sha256) = CMSIS_DSP;
    let step = Step::spinner(format!("fetching {package} {version}"));
    let mut pip = Command::new(system::python()?);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package]);
    pip.arg("--dest").arg(new).arg(format!("{package}=={version}")).stdin(Stdio::null());
    let output = run::output(&mut pip)?;
    if !output.status.success() {
        bail!("pip could not fetch {package} {version}: {}", run::last_line(&output.stderr));
    }
    let archive = new.join(format!("{package}-{version}.tar.gz"));
    let bytes = fs::read(&archive).map_err(|error| explain(error, &archive))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != sha256 {
        bail!("pip fetched something else than the pinned {package} {version} (sha256 {found})");
    }
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&archive).arg("-C").arg(new).args(["--strip-components", "1"]);
    run::interactive(&mut tar, "unpacking CMSIS-DSP")?;
    fs::remove_file(&archive).map_err(|error| explain(error, &archive)).context("tidying up")?;
    step.done();
    Ok(())
}
