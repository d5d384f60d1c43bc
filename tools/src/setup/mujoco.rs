//! The MuJoCo library and the task models of the DeepMind Control Suite.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::part::{Outcome, users_own};
use super::pip::{self, DM_CONTROL, MUJOCO};
use super::place::Place;
use crate::files::link;
use crate::project::Project;

/// The library's file name, which contains its version.
const LIBRARY: &str = "libmujoco.so.3.17.0";

/// Returns the folder of the MuJoCo library in use, and whether the user set it.
pub fn in_force(project: &Project) -> (PathBuf, bool) {
    let fetched = project.deps().join("mujoco");
    match users_own("MUJOCO_DYNAMIC_LINK_DIR", &fetched) {
        Some(path) => (path, true),
        None => (fetched, false),
    }
}

/// Fetches the library, unless the user has set one.
///
/// # Errors
/// When the library cannot be fetched or the user's folder does not contain it.
pub(super) fn ensure(project: &Project) -> Result<Outcome> {
    let deps = project.deps();
    let (path, users) = in_force(project);
    if users {
        let what = format!("MuJoCo {}, your MUJOCO_DYNAMIC_LINK_DIR", check(&path)?);
        return Ok(Outcome { what, fresh: false });
    }
    let place = Place { parent: &deps, name: "mujoco", origin: MUJOCO.origin() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| {
            pip::take(project, MUJOCO, dir, |name| {
                (name.strip_prefix("mujoco/")? == LIBRARY).then(|| LIBRARY.into())
            })?;
            link(LIBRARY, &dir.join("libmujoco.so"))
        })?;
    }
    Ok(Outcome { what: format!("MuJoCo {}", MUJOCO.version()), fresh })
}

/// Returns the version of the library in a folder. The folder must contain the library and the link that the
/// linker looks for.
///
/// # Errors
/// One line for a user whose folder lacks either.
pub fn check(path: &Path) -> Result<&'static str> {
    for file in [LIBRARY, "libmujoco.so"] {
        if !path.join(file).exists() {
            bail!(
                "your MUJOCO_DYNAMIC_LINK_DIR lacks {}; unset it, or set it to a folder with {LIBRARY} \
                 and a link libmujoco.so to it",
                path.join(file).display()
            );
        }
    }
    Ok(MUJOCO.version())
}

/// Fetches the task models.
///
/// # Errors
/// When they cannot be fetched.
pub(super) fn ensure_models(project: &Project) -> Result<Outcome> {
    let deps = project.deps();
    let place = Place { parent: &deps, name: "dm_control", origin: DM_CONTROL.origin() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| pip::take(project, DM_CONTROL, dir, model))?;
    }
    Ok(Outcome { what: format!("task models of dm_control {}", DM_CONTROL.version()), fresh })
}

/// Where a file of the package goes, if it belongs to a task model.
fn model(name: &str) -> Option<PathBuf> {
    let path = Path::new(name.strip_prefix("dm_control/")?);
    let folder = path.parent()?;
    let xml = path.extension().is_some_and(|kind| kind == "xml");
    (xml && (folder == "suite" || folder == "suite/common")).then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_folder_without_the_library_is_refused() {
        let error = check(Path::new("nowhere")).unwrap_err().to_string();
        assert!(error.contains(LIBRARY) && error.contains("MUJOCO_DYNAMIC_LINK_DIR"));
    }

    #[test]
    fn the_librarys_name_contains_the_pinned_version() {
        assert!(LIBRARY.ends_with(MUJOCO.version()));
    }
}
