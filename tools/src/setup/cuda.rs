//! CUDA for `--device cuda`: the pinned libtorch with its CUDA libraries, and NVIDIA's libraries beside it.
//!
//! Programs are linked with the CPU library alone and load these libraries when a GPU is asked for, so nothing
//! has to be built again.

use anyhow::{Result, bail};

use super::part::Outcome;
use super::pip::CUDA;
use super::place::{Hold, Place};
use super::torch;
use crate::project::Project;

/// Where `host-trainer` looks for the library, below the folder it was fetched to.
const LIBRARY: &str = "torch/lib/libtorch_cuda.so";

/// Fetches the CUDA libraries, unless they are there.
///
/// # Errors
/// When pip cannot fetch them, or the user's own libtorch is in use and has none.
pub fn ensure(project: &Project) -> Result<Outcome> {
    let (libtorch, users) = torch::in_force(project);
    if users {
        if libtorch.join("lib/libtorch_cuda.so").exists() {
            return Ok(Outcome { what: "CUDA of your LIBTORCH".into(), fresh: false });
        }
        bail!("your LIBTORCH has no CUDA: set it to one that has, or unset it and set up again");
    }
    let deps = project.deps();
    let _hold = Hold::on(&deps)?;
    let place = Place { parent: &deps, name: "cuda", origin: CUDA.origin() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| {
            CUDA.install(project, dir)?;
            if !dir.join(LIBRARY).exists() {
                bail!("{} installed no {LIBRARY}", CUDA.file);
            }
            Ok(())
        })?;
    }
    Ok(Outcome { what: "CUDA libraries of libtorch".into(), fresh })
}
