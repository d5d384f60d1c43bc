//! Python packages that tests hold the project's files against: other people's readers and runtimes.
//!
//! They go to `.deps/reference/`, which a test puts on `PYTHONPATH`; nothing but tests uses them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::place::{Hold, Place};
use super::system::{self, PIP};
use crate::project::Project;
use crate::report::Step;
use crate::run;

/// Reads event files (tensorboard), checks, computes and writes networks (onnx, onnxruntime, safetensors).
const PACKAGES: [&str; 5] = [
    "tensorboard==2.21.0",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "safetensors==0.8.0",
    "numpy==2.4.6",
];

/// Fetches what is missing.
///
/// # Errors
/// When pip is missing or cannot fetch the packages.
pub(crate) fn ensure(project: &Project) -> Result<()> {
    let deps = project.deps();
    let place = Place { parent: &deps, name: "reference", origin: PACKAGES.join("\n") };
    let _hold = Hold::on(&deps)?;
    if !place.is_current() {
        system::ensure(&PIP)?;
        place.install(fill)?;
    }
    Ok(())
}

fn fill(dir: &Path) -> Result<()> {
    let step = Step::spinner("fetching what tests compare with: tensorboard, onnx");
    let mut pip = Command::new(system::python()?);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]);
    pip.args(["--no-input", "--only-binary", ":all:", "--target"]).arg(dir).args(PACKAGES);
    let installed = run::output(pip.stdin(Stdio::null()))?;
    if !installed.status.success() {
        bail!(
            "pip could not install {}: {}",
            PACKAGES.join(", "),
            run::last_line(&installed.stderr)
        );
    }
    step.done();
    Ok(())
}
