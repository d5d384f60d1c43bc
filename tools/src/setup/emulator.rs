//! `qemu-system-arm`: the one on the PATH, installed there with apt-get, or unpacked into `.deps/qemu/`.
//!
//! The third way needs no root and removes nothing: it downloads the Debian packages that are missing and unpacks
//! them without installing them. It serves users without root, and machines where installing QEMU would remove
//! another package, such as a newer `qemu-utils`.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use super::part::Outcome;
use super::place::Place;
use super::system::{self, Plan, Removals};
use crate::files::{self, explain};
use crate::process;
use crate::progress::{Step, say};
use crate::project::Project;

/// The program, which is also the name of its Debian package.
pub const QEMU: &str = "qemu-system-arm";

/// Starts the unpacked program with the unpacked libraries. The path is found relative to the script itself, so
/// that the checkout can be moved.
const WRAPPER: &str = r#"#!/bin/sh
here=$(cd "${0%/*}/.." && pwd)
libraries=$here/usr/lib/x86_64-linux-gnu:$here/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export QEMU_MODULE_DIR="$here/usr/lib/x86_64-linux-gnu/qemu"
exec "$here/usr/bin/qemu-system-arm" -L "$here/usr/share/qemu" "$@"
"#;

/// The path of the emulator, or its bare name where it is not installed.
pub fn path(project: &Project) -> PathBuf {
    let unpacked = project.deps().join("qemu/bin").join(QEMU);
    let found = || unpacked.is_file().then_some(unpacked);
    process::find_program(QEMU).or_else(found).unwrap_or_else(|| QEMU.into())
}

/// Lets `command` find the emulator by its name, if it was unpacked into `.deps/qemu/`.
pub fn add_to_path(project: &Project, command: &mut Command) {
    if process::find_program(QEMU).is_none() {
        let found = env::var_os("PATH").unwrap_or_default();
        let paths = env::split_paths(&found).chain([project.deps().join("qemu/bin")]);
        if let Ok(paths) = env::join_paths(paths) {
            command.env("PATH", paths);
        }
    }
}

/// Finds the emulator or installs it.
///
/// # Errors
/// When no way works: one line for all of them.
pub(super) fn ensure(project: &Project, removals: Removals) -> Result<Outcome> {
    let what = QEMU.to_owned();
    if process::find_program(QEMU).is_some() {
        return Ok(Outcome { what, fresh: false });
    }
    let deps = project.deps();
    let place = Place { parent: &deps, name: "qemu", origin: WRAPPER.into() };
    let unpacked = format!("{QEMU} in .deps/qemu");
    if place.is_current() {
        return Ok(Outcome { what: unpacked, fresh: false });
    }
    let purpose = format!("{QEMU} (the emulated microcontroller)");
    let Err(refused) = system::install(&[QEMU], &purpose, removals) else {
        return Ok(Outcome { what, fresh: true });
    };
    let plan = system::plan(&[QEMU]).map_err(|_| anyhow!("{refused:#}"))?;
    say(format!("  {refused:#}; unpacking it into .deps/qemu instead"));
    place.install(|dir| unpack(&plan, dir)).map_err(|error| {
        anyhow!("{refused:#}; unpacking it into .deps/qemu did not work: {error:#}")
    })?;
    Ok(Outcome { what: unpacked, fresh: true })
}

/// Downloads the packages of a plan, unpacks them into `dir`, and tries the program.
fn unpack(plan: &Plan, dir: &Path) -> Result<()> {
    let packages = files::temporary(dir, "packages")?;
    let step = Step::new(format!("downloading {} Debian packages", plan.installed.len()));
    let mut apt = Command::new("apt-get");
    apt.current_dir(&packages).args(["download", "-q"]).args(&plan.installed);
    let output = process::output(&mut apt)?;
    if !output.status.success() {
        bail!("apt-get download: {}", system::apt_error(&output.stderr));
    }
    step.done();
    for package in files::below(&packages)? {
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.arg("-x").arg(packages.join(package)).arg(dir);
        process::succeed(&mut dpkg, "dpkg-deb")?;
    }
    files::remove(&packages)?;
    // Links to files of packages that are installed lead nowhere here; nothing uses them.
    for file in files::below(dir)? {
        let path = dir.join(file);
        if !path.exists() {
            files::remove(&path)?;
        }
    }
    files::create_dir(&dir.join("bin"))?;
    let wrapper = dir.join("bin").join(QEMU);
    files::write(&wrapper, WRAPPER)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))
        .map_err(|error| explain(error, &wrapper))?;
    process::succeed(Command::new(&wrapper).arg("--version"), "the unpacked emulator")?;
    Ok(())
}
