//! Building the firmware around an image, and what the ELF then holds.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

use crate::project::Project;
use crate::report::{Step, say};
use crate::run;
use crate::setup::place::explain;
use crate::setup::toolchain::TARGET;

/// Where a programmer puts the policy: slot A, behind its records.
pub(crate) const POLICY_ADDRESS: u32 = 0x080A_0100;

/// Bytes there.
pub(crate) const POLICY_BYTES: usize = 384 * 1024 - 256;

const POLICY_SECTION: &str = ".policy";

/// The machine that the firmware is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    Board,
    Emulator,
}

/// The instructions of the kernels' assembly; the bits are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Assembly {
    /// Fewer instructions
    Vmla,
    /// Fewer cycles by the manual
    Vmul,
}

/// The choice of kernels, for every command that builds the firmware.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Kernels {
    /// Build the firmware with the kernels in assembly (its feature `asm`, or `asm-vmul`): the same bits
    /// in fewer instructions
    #[arg(
        long,
        value_enum,
        value_name = "vmla|vmul",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "vmla"
    )]
    asm: Option<Assembly>,
}

impl Kernels {
    fn feature(self) -> Option<&'static str> {
        self.asm.map(|assembly| match assembly {
            Assembly::Vmla => "asm",
            Assembly::Vmul => "asm-vmul",
        })
    }
}

impl Machine {
    /// The cargo arguments that choose this machine and these kernels.
    fn features(self, kernels: Kernels) -> Vec<String> {
        // The board is the default, as for `cargo embed`.
        let defaults = (self == Self::Emulator).then(|| "--no-default-features".to_owned());
        let features = [Some(self.name()), kernels.feature()].into_iter().flatten();
        let features = ["--features".to_owned(), features.collect::<Vec<_>>().join(",")];
        defaults.into_iter().chain(features).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Emulator => "emulator",
        }
    }
}

/// A built firmware, in memory: a later build for another image does not touch it.
pub(crate) struct Elf {
    bytes: Vec<u8>,
}

impl Elf {
    /// Builds the firmware for `machine` around `image`, an absolute path; without one, around what the
    /// firmware's build takes by itself.
    ///
    /// # Errors
    /// The build's own line when it refuses the image; after cargo's output for anything else.
    pub(crate) fn build(
        project: &Project,
        machine: Machine,
        kernels: Kernels,
        image: Option<&Path>,
    ) -> Result<Self> {
        let firmware = project.firmware();
        let target_dir = firmware.join("target");
        fs::create_dir_all(&target_dir).map_err(|error| explain(error, &target_dir))?;
        // Two builds for two images would overwrite each other's result.
        let path = target_dir.join(".xtask-lock");
        let lock = File::create(&path).map_err(|error| explain(error, &path))?;
        lock.lock().map_err(|error| explain(error, &path))?;

        let features: Vec<_> =
            [Some(machine.name()), kernels.feature()].into_iter().flatten().collect();
        let step = Step::spinner(format!("building the firmware ({})", features.join(", ")));
        let mut cargo = run::firmware_cargo(&firmware);
        cargo.args(["build", "--release", "--bin", "firmware"]).args(machine.features(kernels));
        cargo.arg("--target-dir").arg(&target_dir).stdin(Stdio::null());
        match image {
            Some(image) => cargo.env("POLICY", image),
            None => cargo.env_remove("POLICY"),
        };
        let output = run::output(&mut cargo)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            if let Some(refusal) = refusal(&text) {
                bail!("{refusal}");
            }
            drop(step);
            say(text);
            bail!("the firmware does not build; the messages above say why");
        }
        step.done();
        let elf = target_dir.join(TARGET).join("release/firmware");
        let bytes = fs::read(&elf).map_err(|error| explain(error, &elf))?;
        let elf = Self { bytes };
        if let Some(image) = image {
            elf.expect_image(&fs::read(image).map_err(|error| explain(error, image))?)?;
        }
        Ok(elf)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The image that this ELF flashes.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn image(&self) -> Result<&[u8]> {
        let file = object::File::parse(&*self.bytes).context("the firmware is no ELF file")?;
        let section = file.section_by_name(POLICY_SECTION);
        Ok(section.context("the firmware has no policy section")?.data()?)
    }

    /// Checks that this ELF flashes exactly the bytes of `image`.
    fn expect_image(&self, image: &[u8]) -> Result<()> {
        let padding = self.image()?.strip_prefix(image);
        if padding.is_none_or(|rest| rest.len() > 3 || rest.iter().any(|byte| *byte != 0)) {
            bail!(
                "the built firmware holds another image than the one named; remove firmware/target and \
                 try again"
            );
        }
        Ok(())
    }

    /// The ELF without its image: the flash sector is left to whoever loads it.
    ///
    /// # Errors
    /// When no part of the ELF is loaded to that sector.
    pub(crate) fn without_image(&self) -> Result<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        let word = |bytes: &[u8], at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
        };
        let half = |bytes: &[u8], at: usize| -> Option<usize> {
            Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
        };
        // ELF32: e_phoff, e_phentsize and e_phnum; then p_type and p_paddr of each segment.
        let start = word(&bytes, 0x1c).context("the firmware is no ELF file")? as usize;
        let size = half(&bytes, 0x2a).unwrap_or_default();
        let count = half(&bytes, 0x2c).unwrap_or_default();
        let mut found = false;
        for segment in (0..count).map(|index| start + index * size) {
            let address = word(&bytes, segment + 12);
            let load = word(&bytes, segment) == Some(object::elf::PT_LOAD);
            if load && address == Some(POLICY_ADDRESS) {
                let null = object::elf::PT_NULL.to_le_bytes();
                bytes
                    .get_mut(segment..segment + 4)
                    .context("a damaged ELF")?
                    .copy_from_slice(&null);
                found = true;
            }
        }
        if !found {
            bail!("the firmware loads nothing to {POLICY_ADDRESS:#010x}");
        }
        Ok(bytes)
    }

    /// Flash and RAM that the sections take.
    ///
    /// # Errors
    /// When the ELF cannot be read.
    pub(crate) fn usage(&self) -> Result<Usage> {
        use object::SectionFlags::Elf;
        use object::elf::{SHF_ALLOC, SHF_WRITE};
        let file = object::File::parse(&*self.bytes).context("the firmware is no ELF file")?;
        let mut usage = Usage::default();
        for section in file.sections() {
            let Elf { sh_flags } = section.flags() else { continue };
            let bytes = section.size();
            // The log's format strings carry addresses, yet stay in the ELF.
            let loaded = sh_flags & u64::from(SHF_ALLOC) != 0;
            let writable = sh_flags & u64::from(SHF_WRITE) != 0;
            let stored = section.kind() != object::SectionKind::UninitializedData;
            if !loaded {
                continue;
            }
            if section.name() == Ok(POLICY_SECTION) {
                usage.policy += bytes;
                continue;
            }
            if stored {
                usage.flash += bytes;
            }
            if writable {
                usage.ram += bytes;
            }
        }
        Ok(usage)
    }
}

/// What a firmware takes of the microcontroller, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Code, constants and initial values; without the image.
    pub(crate) flash: u64,
    /// Variables, with and without initial values; without the stack.
    pub(crate) ram: u64,
    /// The image.
    pub(crate) policy: u64,
}

/// The line in which the firmware's build script refuses an image.
fn refusal(cargo: &str) -> Option<&str> {
    let line =
        cargo.lines().find(|line| line.starts_with("error: ") && line.contains("policy image"))?;
    line.split_once("policy image").map(|(_, rest)| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_scripts_refusal_is_found_in_cargos_output() {
        let text = "   Compiling firmware v0.1.0\n\
                    error: firmware@0.1.0: policy image a.daa: checksum does not match\n\
                    error: build script logged errors\n";
        assert_eq!(refusal(text), Some("a.daa: checksum does not match"));
        assert_eq!(refusal("error[E0425]: cannot find value `x`\n"), None);
    }

    #[test]
    fn the_kernels_are_a_feature_beside_the_machine() {
        let features = |asm| Machine::Emulator.features(Kernels { asm }).pop().unwrap();
        assert_eq!(features(None), "emulator");
        assert_eq!(features(Some(Assembly::Vmla)), "emulator,asm");
        assert_eq!(features(Some(Assembly::Vmul)), "emulator,asm-vmul");
    }

    #[test]
    fn what_is_no_elf_is_an_error_and_no_panic() {
        for bytes in [vec![], vec![0x7f, b'E', b'L', b'F'], vec![0xff; 64]] {
            let elf = Elf { bytes };
            assert!(elf.without_image().is_err());
            assert!(elf.usage().is_err());
            assert!(elf.expect_image(&[]).is_err());
        }
    }
}
