//! CUDA for `--device cuda`: the rest of the pinned libtorch's wheel and NVIDIA's libraries beside it.
//!
//! Programs are linked against the CPU library alone and load these when they are asked for a GPU, so
//! nothing needs to be built again.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::place::Place;
use super::system::{self, PIP};
use super::wheels::TORCH;
use super::{Outcome, torch};
use crate::project::Project;
use crate::report::Step;
use crate::run;

/// Where `host-trainer` looks for it, below the folder it was fetched to.
const LIBRARY: &str = "torch/lib/libtorch_cuda.so";

/// Fetches CUDA's libraries, unless they are there.
///
/// # Errors
/// When pip cannot fetch them, or the user's own libtorch is in force.
pub(crate) fn ensure(project: &Project) -> Result<Outcome> {
    let (libtorch, users) = torch::in_force(project);
    let requirement = format!("{}=={}", TORCH.package, TORCH.version);
    if users {
        if libtorch.join("lib/libtorch_cuda.so").exists() {
            return Ok(Outcome { what: "CUDA of your LIBTORCH".into(), fresh: false });
        }
        bail!("your LIBTORCH has no CUDA: set it to one that has, or unset it and set up again");
    }
    let deps = project.deps();
    let place = Place { parent: &deps, name: "cuda", origin: requirement.clone() };
    let what = "CUDA libraries of libtorch".to_owned();
    if place.is_current() {
        return Ok(Outcome { what, fresh: false });
    }
    let _ = system::ensure(&PIP)?;
    place.install(|dir| fetch(dir, &requirement))?;
    Ok(Outcome { what, fresh: true })
}

fn fetch(dir: &Path, requirement: &str) -> Result<()> {
    let step = Step::spinner("fetching libtorch's CUDA libraries (about 2.5 GB)");
    let mut pip = Command::new(system::python()?);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]);
    pip.args(["--no-compile", "--target"]).arg(dir).arg(requirement).stdin(Stdio::null());
    let fetched = run::output(&mut pip)?;
    if !fetched.status.success() {
        bail!("pip could not fetch {requirement}: {}", run::last_line(&fetched.stderr));
    }
    if !dir.join(LIBRARY).exists() {
        bail!("{requirement} holds no {LIBRARY}: this Python's wheel is one without CUDA");
    }
    step.done();
    Ok(())
}
