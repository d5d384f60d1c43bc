//! microflow, a crate that generates code from TensorFlow Lite models: the networks are written as such models.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::networks;
use crate::process;
use crate::progress::Step;
use crate::project::Project;
use crate::setup::pip::TFLITE;
use crate::setup::place::Place;
use crate::setup::system;
use crate::setup::toolchain::TARGET;

/// Writes the models into `dir`, which contains the networks' weights, and builds the program around them.
///
/// # Errors
/// When a package cannot be fetched or the program does not build.
pub(super) fn build(project: &Project, dir: &Path) -> Result<PathBuf> {
    let place = Place { parent: dir, name: "tflite", origin: TFLITE.origin() };
    if !place.is_current() {
        place.install(|new| TFLITE.install(project, new))?;
    }
    let step = Step::new("building microflow");
    let mut python = Command::new(system::python()?);
    python.arg(project.root().join("tools/tflite_networks.py")).arg(dir);
    python.args(networks::NETWORKS.map(networks::name)).env("PYTHONPATH", place.path());
    process::succeed(&mut python, "the models for microflow")?;
    let crate_dir = project.firmware().join("bench/microflow");
    let target = crate_dir.join("target");
    let mut cargo = process::firmware_cargo(&crate_dir);
    cargo.args(["build", "--release", "--target-dir"]).arg(&target);
    process::build(&mut cargo, "microflow's program")?;
    step.done();
    Ok(target.join(TARGET).join("release/bench-microflow"))
}
