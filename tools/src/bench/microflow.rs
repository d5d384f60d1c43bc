//! microflow, a crate: it makes code of TensorFlow Lite models, so the networks are written as such.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::networks;
use crate::project::{Project, cache_dir};
use crate::report::{Step, say};
use crate::run;
use crate::setup::place::Place;
use crate::setup::system;
use crate::setup::toolchain::TARGET;
use crate::setup::wheels::{Wheel, extract};

/// What writes models, and what it builds on.
const PACKAGES: [Wheel; 2] = [
    Wheel {
        package: "tflite",
        version: "2.18.0",
        file: "tflite-2.18.0-py2.py3-none-any.whl",
        bytes: 153_155,
        sha256: "a49a4316530377c597bb272176c12d5d3c4453640118b068c93a8c3cc6c5c2c1",
    },
    Wheel {
        package: "flatbuffers",
        version: "25.12.19",
        file: "flatbuffers-25.12.19-py2.py3-none-any.whl",
        bytes: 26_661,
        sha256: "7634f50c427838bb021c2d66a3d1168e9d199b0607e6329399f04846d42e20b4",
    },
];

/// Writes the models into `dir`, where the networks' numbers are, and builds the program around them.
///
/// # Errors
/// When a package is not to be had, or after the compiler's own words.
pub(crate) fn build(project: &Project, dir: &Path) -> Result<PathBuf> {
    for wheel in PACKAGES {
        let place = Place { parent: dir, name: wheel.package, origin: wheel.pin() };
        if !place.is_current() {
            place.install(|new| {
                let inside = format!("{}/", wheel.package);
                extract(&mut wheel.open(&cache_dir()?)?, new, wheel.package, |name| {
                    name.starts_with(&inside).then(|| PathBuf::from(name))
                })
            })?;
        }
    }
    let step = Step::spinner("building microflow".to_owned());
    let mut python = Command::new(system::python()?);
    python.arg(project.root().join("tools/tflite_networks.py")).arg(dir);
    python.args(networks::NETWORKS.map(networks::name)).stdin(Stdio::null());
    let path = std::env::join_paths(PACKAGES.iter().map(|wheel| dir.join(wheel.package)))?;
    let output = run::output(python.env("PYTHONPATH", path))?;
    if !output.status.success() {
        bail!("no models for microflow: {}", run::last_line(&output.stderr));
    }
    let crate_dir = project.firmware().join("bench/microflow");
    let target = crate_dir.join("target");
    let mut cargo = run::firmware_cargo(&crate_dir);
    cargo.args(["build", "--release", "--target-dir"]).arg(&target).stdin(Stdio::null());
    let output = run::output(&mut cargo)?;
    if !output.status.success() {
        say(String::from_utf8_lossy(&output.stderr));
        bail!("microflow's program does not build; the messages above say why");
    }
    step.done();
    Ok(target.join(TARGET).join("release/bench-microflow"))
}
