//! `cargo xtask setup`: everything that a build needs and a clone does not hold.
//!
//! Each part is there and whole, or it is made. Done twice it does nothing. The folders it makes:
//!
//! | folder of `.deps/` | holds |
//! |---|---|
//! | `torch/` | `LIBTORCH`: headers and libraries |
//! | `torch-link/lib/` | `LIBTORCH_LIB`: what the linker is shown |
//! | `mujoco/` | `MUJOCO_DYNAMIC_LINK_DIR` |
//! | `dm_control/suite/` | the task models |
//! | `toolchain/rustc` | the compiler of `firmware/` |
//! | `reference/` | for `test`: Python packages that files are held against |
//! | `cuda/` | with `--cuda`: what `--device cuda` loads |

pub(crate) mod cuda;
pub(crate) mod mujoco;
pub(crate) mod place;
pub(crate) mod reference;
pub(crate) mod sysroot;
pub(crate) mod system;
pub(crate) mod toolchain;
pub(crate) mod torch;
pub(crate) mod wheels;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::project::Project;
use crate::report::say;
use toolchain::Route;

/// What a part of the set-up found or made.
pub(crate) struct Outcome {
    /// The part with its version, for one line of text.
    pub(crate) what: String,
    /// Whether it was made just now.
    pub(crate) fresh: bool,
}

/// Makes what is missing and says what is there.
///
/// # Errors
/// One line when one part is missing, otherwise one for each.
pub(crate) fn run(project: &Project, route: Option<Route>, cuda: bool) -> Result<()> {
    let (mut present, mut fresh, took) = ensure(project, route)?;
    match system::ensure(&system::OPENGL) {
        Ok(outcome) => {
            fresh |= outcome.fresh;
            present.push(outcome.what);
        }
        // Not worth a failure, and not worth asking other commands' users again and again.
        Err(error) => say(format!("only `host-trainer render` needs what follows: {error:#}")),
    }
    if cuda {
        let outcome = cuda::ensure(project)?;
        fresh |= outcome.fresh;
        present.push(outcome.what);
    }
    if fresh {
        say(format!("set-up is complete ({took:.0} s): {}", present.join(", ")));
    } else {
        say(format!("set-up was complete already, nothing to do: {}", present.join(", ")));
    }
    if let Some(hint) = torch::cuda_hint(project).filter(|_| !cuda) {
        say(hint);
    }
    Ok(())
}

/// The same for other commands: silent when there was nothing to do.
pub(crate) fn quietly(project: &Project) -> Result<()> {
    let (_, fresh, took) = ensure(project, None)?;
    if fresh {
        say(format!("set-up is complete ({took:.0} s)"));
    }
    Ok(())
}

fn ensure(project: &Project, route: Option<Route>) -> Result<(Vec<String>, bool, f64)> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "the pinned libraries are for Linux on x86-64; elsewhere set LIBTORCH and \
             MUJOCO_DYNAMIC_LINK_DIR to your own and build without this command"
        );
    }
    let start = Instant::now();
    let _hold = place::Hold::on(&project.deps())?;
    // What fails at once comes before what takes minutes; one missing part does not stop the others.
    let parts = [
        system::ensure(&system::CXX),
        system::ensure(&system::QEMU),
        mujoco::ensure_models(project),
        mujoco::ensure(project),
        torch::ensure(project),
        toolchain::ensure(project, route),
    ];
    let mut present = Vec::new();
    let mut fresh = false;
    let mut missing = Vec::new();
    for part in parts {
        match part {
            Ok(outcome) => {
                fresh |= outcome.fresh;
                present.push(outcome.what);
            }
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    match missing.len() {
        0 => Ok((present, fresh, start.elapsed().as_secs_f64())),
        _ => Err(anyhow!(missing.join("\nerror: "))),
    }
}

/// Returns the folder that the user set in `variable`, or none when it is unset or holds only what
/// this workspace's `.cargo/config.toml` puts there.
pub(crate) fn users_own(variable: &str, fetched: &Path) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)?;
    (!same_folder(&value, fetched)).then_some(value)
}

fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_cargo_set_is_not_the_users() {
        assert!(same_folder(Path::new("/x/.deps/torch"), Path::new("/x/.deps/torch/")));
        assert!(same_folder(Path::new("/usr/../usr"), Path::new("/usr")));
        assert!(!same_folder(Path::new("/x/.deps/torch"), Path::new("/opt/torch")));
    }
}
