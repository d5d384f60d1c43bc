//! The MuJoCo library and the DeepMind Control Suite's task models.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::place::{Place, link};
use super::wheels::{self, DM_CONTROL, MUJOCO};
use super::{Outcome, users_own};
use crate::project::{Project, cache_dir};

/// The library's file name, which carries its version.
const LIBRARY: &str = "libmujoco.so.3.17.0";

/// Returns the folder of the MuJoCo library in force, and whether it is the user's own.
pub(crate) fn in_force(project: &Project) -> (PathBuf, bool) {
    let fetched = project.deps().join("mujoco");
    match users_own("MUJOCO_DYNAMIC_LINK_DIR", &fetched) {
        Some(path) => (path, true),
        None => (fetched, false),
    }
}

/// Fetches the library unless the user has set one.
///
/// # Errors
/// When it cannot be fetched or the user's folder does not hold it.
pub(crate) fn ensure(project: &Project) -> Result<Outcome> {
    let deps = project.deps();
    let (path, users) = in_force(project);
    if users {
        let what = format!("MuJoCo {}, your MUJOCO_DYNAMIC_LINK_DIR", check(&path)?);
        return Ok(Outcome { what, fresh: false });
    }
    let place = Place { parent: &deps, name: "mujoco", origin: MUJOCO.pin() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| {
            wheels::extract(&mut MUJOCO.open(&cache_dir()?)?, dir, "MuJoCo", |name| {
                (name.strip_prefix("mujoco/")? == LIBRARY).then(|| LIBRARY.into())
            })?;
            link(LIBRARY, &dir.join("libmujoco.so"))
        })?;
    }
    Ok(Outcome { what: format!("MuJoCo {}", MUJOCO.version), fresh })
}

/// Returns the version of the library in a folder, which must hold the right one and the name to link
/// by.
///
/// # Errors
/// One line for a user whose folder lacks either.
pub(crate) fn check(path: &Path) -> Result<&'static str> {
    for file in [LIBRARY, "libmujoco.so"] {
        if !path.join(file).exists() {
            bail!(
                "your MUJOCO_DYNAMIC_LINK_DIR lacks {}; unset it, or set it to a folder with {LIBRARY} \
                 and a link libmujoco.so to it",
                path.join(file).display()
            );
        }
    }
    Ok(MUJOCO.version)
}

/// Fetches the task models.
///
/// # Errors
/// When they cannot be fetched.
pub(crate) fn ensure_models(project: &Project) -> Result<Outcome> {
    let deps = project.deps();
    let place = Place { parent: &deps, name: "dm_control", origin: DM_CONTROL.pin() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| {
            wheels::extract(&mut DM_CONTROL.open(&cache_dir()?)?, dir, "task models", |name| {
                let name = name.strip_prefix("dm_control/")?;
                let path = Path::new(name);
                let folder = path.parent()?;
                let model = path.extension().is_some_and(|kind| kind == "xml");
                let wanted = model && (folder == "suite" || folder == "suite/common");
                wanted.then(|| path.into())
            })
        })?;
    }
    Ok(Outcome { what: format!("task models of dm_control {}", DM_CONTROL.version), fresh })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_folder_without_the_library_is_refused_by_name() {
        let error = check(Path::new("nowhere")).unwrap_err().to_string();
        assert!(error.contains(LIBRARY) && error.contains("MUJOCO_DYNAMIC_LINK_DIR"));
    }

    #[test]
    fn the_librarys_name_carries_the_pinned_version() {
        assert!(LIBRARY.ends_with(MUJOCO.version));
    }
}
