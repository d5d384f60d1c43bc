//! Building the firmware around an image, and reading the ELF file.

pub mod log;
pub mod segments;

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

use crate::files::{self, explain};
use crate::process;
use crate::progress::{Step, say};
use crate::project::Project;
use crate::setup::toolchain::TARGET;

/// The address of the policy image in flash: behind the records of slot A.
pub const POLICY_ADDRESS: u32 = 0x080A_0100;

/// The size of the slot at [`POLICY_ADDRESS`], in bytes.
pub const POLICY_BYTES: usize = 384 * 1024 - 256;

const POLICY_SECTION: &str = ".policy";

/// The machine that the firmware is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Machine {
    /// The microcontroller board, with actuators; it supports as many actions as it has actuator pins
    Board,
    /// The microcontroller emulated by QEMU
    Emulator,
}

/// The instructions that the assembly kernels use; the results have the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Assembly {
    /// Fewer instructions
    Vmla,
    /// Fewer cycles, according to the processor's manual
    Vmul,
}

/// The choice of kernels, for every command that builds the firmware.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Kernels {
    /// Build the firmware with assembly kernels (its feature `asm`, or `asm-vmul`): the same bits in fewer
    /// instructions
    #[arg(
        long,
        value_enum,
        value_name = "vmla|vmul",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "vmla"
    )]
    pub asm: Option<Assembly>,
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
    /// The cargo features for this machine and these kernels.
    fn features(self, kernels: Kernels) -> Vec<&'static str> {
        [Some(self.name()), kernels.feature()].into_iter().flatten().collect()
    }

    /// The name of the machine's cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Emulator => "emulator",
        }
    }
}

/// The ELF file of a built firmware, in memory: a later build for another image does not change it.
pub struct Elf {
    bytes: Vec<u8>,
}

impl Elf {
    /// Builds the firmware for `machine` around `image`, an absolute path. Without an image the firmware's build
    /// script chooses one.
    ///
    /// # Errors
    /// The build script's own line when it refuses the image; for any other error cargo's output is printed.
    pub fn build(
        project: &Project,
        machine: Machine,
        kernels: Kernels,
        image: Option<&Path>,
    ) -> Result<Self> {
        Self::build_with(project, &machine.features(kernels), image)
    }

    /// Builds the firmware with the given cargo features, of which one names the machine.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with(project: &Project, features: &[&str], image: Option<&Path>) -> Result<Self> {
        let firmware = project.firmware();
        let target_dir = firmware.join("target");
        files::create_dir(&target_dir)?;
        // Two builds for two images would overwrite each other's result.
        let path = target_dir.join(".xtask-lock");
        let lock = File::create(&path).map_err(|error| explain(error, &path))?;
        lock.lock().map_err(|error| explain(error, &path))?;

        let step = Step::new(format!("building the firmware ({})", features.join(", ")));
        let mut cargo = process::firmware_cargo(&firmware);
        cargo.args(["build", "--release", "--bin", "firmware", "--features", &features.join(",")]);
        // The board is the default feature, as for `cargo embed`, which then finds the same build.
        cargo.args((!features.contains(&"board")).then_some("--no-default-features"));
        cargo.arg("--target-dir").arg(&target_dir);
        match image {
            Some(image) => cargo.env("POLICY", image),
            None => cargo.env_remove("POLICY"),
        };
        let output = process::output(&mut cargo)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            if let Some(refusal) = refusal(&text) {
                bail!("{refusal}");
            }
            drop(step);
            say(text);
            bail!("the firmware did not build; the messages above say why");
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

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The image in the ELF file, padded with zeros to a multiple of four bytes.
    ///
    /// # Errors
    /// When the file contains none.
    pub fn image(&self) -> Result<&[u8]> {
        let file = object::File::parse(&*self.bytes).context("the firmware is not an ELF file")?;
        let section = file.section_by_name(POLICY_SECTION);
        Ok(section.context("the firmware has no policy section")?.data()?)
    }

    /// Checks that the ELF file contains exactly the bytes of `image`.
    fn expect_image(&self, image: &[u8]) -> Result<()> {
        let padding = self.image()?.strip_prefix(image);
        if padding.is_none_or(|rest| rest.len() > 3 || rest.iter().any(|byte| *byte != 0)) {
            bail!(
                "the built firmware contains another image than the given one; remove firmware/target and \
                 try again"
            );
        }
        Ok(())
    }

    /// Returns the ELF file without its image, so that another program can load the flash sector.
    ///
    /// # Errors
    /// When no segment is loaded at [`POLICY_ADDRESS`].
    pub fn without_image(&self) -> Result<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        let word = |bytes: &[u8], at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
        };
        let half = |bytes: &[u8], at: usize| -> Option<usize> {
            Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
        };
        // ELF32: e_phoff, e_phentsize and e_phnum; then p_type and p_paddr of each segment.
        let start = word(&bytes, 0x1c).context("the firmware is not an ELF file")? as usize;
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

    /// Returns the bytes of flash and RAM that the sections take.
    ///
    /// # Errors
    /// When the bytes are not an ELF file.
    pub fn usage(&self) -> Result<Usage> {
        use object::SectionFlags::Elf;
        use object::elf::{SHF_ALLOC, SHF_WRITE};
        let file = object::File::parse(&*self.bytes).context("the firmware is not an ELF file")?;
        let mut usage = Usage::default();
        for section in file.sections() {
            let Elf { sh_flags } = section.flags() else { continue };
            let bytes = section.size();
            // The log's format strings have addresses but are not loaded.
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

/// The memory that a firmware takes, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Code, constants and initial values, without the image.
    pub flash: u64,
    /// Variables with and without initial values, without the stack.
    pub ram: u64,
    /// The image.
    pub policy: u64,
}

/// Returns the reason for which the firmware's build script, or an assertion in the firmware, refused an image.
fn refusal(cargo: &str) -> Option<&str> {
    cargo.lines().filter(|line| line.starts_with("error")).find_map(|line| {
        let (_, reason) = ["policy image ", "evaluation panicked: "]
            .into_iter()
            .find_map(|mark| line.split_once(mark))?;
        Some(reason.trim())
    })
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
        let text =
            "error[E0080]: evaluation panicked: this board has four pins\n  --> src/board.rs\n";
        assert_eq!(refusal(text), Some("this board has four pins"));
        assert_eq!(refusal("error[E0425]: cannot find value `x`\n"), None);
    }

    #[test]
    fn machine_and_kernels_are_features() {
        let features = |asm| Machine::Emulator.features(Kernels { asm }).join(",");
        assert_eq!(features(None), "emulator");
        assert_eq!(features(Some(Assembly::Vmla)), "emulator,asm");
        assert_eq!(features(Some(Assembly::Vmul)), "emulator,asm-vmul");
    }

    #[test]
    fn bytes_that_are_not_an_elf_file_are_refused_without_a_panic() {
        for bytes in [vec![], vec![0x7f, b'E', b'L', b'F'], vec![0xff; 64]] {
            let elf = Elf { bytes };
            assert!(elf.without_image().is_err());
            assert!(elf.usage().is_err());
            assert!(elf.expect_image(&[]).is_err());
        }
    }
}
