//! Everything that a build needs and a fresh checkout lacks, in `.deps/`.
//!
//! Idempotent: installs only what is missing or damaged. A second run needs no network. The folders:
//!
//! | folder of `.deps/` | content |
//! |---|---|
//! | `torch/` | `LIBTORCH`: headers and libraries |
//! | `torch-link/lib/` | `LIBTORCH_LIB`: the folder that the linker searches |
//! | `mujoco/` | `MUJOCO_DYNAMIC_LINK_DIR` |
//! | `dm_control/suite/` | the task models |
//! | `toolchain/rustc` | the compiler of `firmware/` |
//! | `qemu/` | `qemu-system-arm`, where apt-get may not install it |
//! | `reference/` | for `test`: Python packages that files are compared with |
//! | `cuda/` | with `--cuda`: the libraries that `--device cuda` loads |

pub mod cuda;
pub mod emulator;
mod manifest;
pub mod mujoco;
mod part;
pub mod pip;
pub mod place;
pub mod reference;
mod sysroot;
pub mod system;
pub mod toolchain;
pub mod torch;

pub use manifest::Check;
pub use part::Outcome;

use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::progress::say;
use crate::project::Project;
use system::Removals;
use toolchain::Route;

/// What the user asks of the set-up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Where the firmware's compiler comes from.
    pub route: Option<Route>,
    /// Whether apt-get may remove packages.
    pub removals: Removals,
}

/// What the set-up found and installed.
#[derive(Debug, Default)]
pub struct Report {
    /// The parts with their versions.
    pub present: Vec<String>,
    /// Whether anything was installed.
    pub fresh: bool,
    /// Wall-clock time.
    pub seconds: f64,
}

/// Installs what is missing, and prints a line only if something was.
///
/// # Errors
/// As [`ensure`].
pub fn quietly(project: &Project) -> Result<()> {
    let report = ensure(project, Options::default(), Check::Quick)?;
    if report.fresh {
        say(format!("set-up is complete ({:.0} s)", report.seconds));
    }
    Ok(())
}

/// Installs what is missing or damaged.
///
/// # Errors
/// A line for each part that cannot be installed.
pub fn ensure(project: &Project, options: Options, check: Check) -> Result<Report> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "the pinned libraries are for Linux on x86-64; elsewhere set LIBTORCH and \
             MUJOCO_DYNAMIC_LINK_DIR to your own and build without this command"
        );
    }
    let start = Instant::now();
    let deps = project.deps();
    let _hold = place::Hold::on(&deps)?;
    if check == Check::Full {
        place::discard_damaged(&deps)?;
    }
    // Quick failures come before minutes of downloading; one missing part does not stop the others.
    let parts = [
        system::ensure_with(&system::CXX, options.removals),
        emulator::ensure(project, options.removals),
        mujoco::ensure_models(project),
        mujoco::ensure(project),
        torch::ensure(project),
        toolchain::ensure(project, options.route, options.removals),
    ];
    let mut report = Report::default();
    let mut missing = Vec::new();
    for part in parts {
        match part {
            Ok(Outcome { what, fresh }) => {
                report.fresh |= fresh;
                report.present.push(what);
            }
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    if !missing.is_empty() {
        return Err(anyhow!(missing.join("\nerror: ")));
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}
