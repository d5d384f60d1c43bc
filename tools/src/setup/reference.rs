//! Python packages that tests compare the project's files with: other programs' readers and runtimes.
//!
//! They are installed into `.deps/reference/`, which tests put on `PYTHONPATH`. Nothing else uses them.

use anyhow::Result;

use super::pip::REFERENCE;
use super::place::{Hold, Place};
use crate::project::Project;

/// Fetches the packages, unless they are there.
///
/// # Errors
/// When pip is missing or cannot fetch the packages.
pub fn ensure(project: &Project) -> Result<()> {
    let deps = project.deps();
    let _hold = Hold::on(&deps)?;
    let place = Place { parent: &deps, name: "reference", origin: REFERENCE.origin() };
    if !place.is_current() {
        place.install(|dir| REFERENCE.install(project, dir))?;
    }
    Ok(())
}
