//! Programs of the operating system: found, or installed with apt-get where that needs no password, or named
//! together with the command that installs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow, bail};

use super::part::Outcome;
use crate::process;
use crate::progress::Step;

/// Whether apt-get may remove packages to install others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removals {
    /// It fails instead.
    #[default]
    Forbidden,
    /// It may.
    Allowed,
}

/// A program that the set-up needs.
pub struct Program {
    /// Its name, for messages.
    pub name: &'static str,
    /// The Debian packages that contain it.
    pub packages: &'static [&'static str],
    /// What it is for.
    pub purpose: &'static str,
    /// Whether it is installed.
    pub present: fn() -> bool,
}

/// The C++ compiler.
pub const CXX: Program = Program {
    name: "g++",
    packages: &["g++"],
    purpose: "compiles the bindings to libtorch",
    present: || std::env::var_os("CXX").is_some() || process::find_program("c++").is_some(),
};

/// Python's package installer.
pub const PIP: Program = Program {
    name: "pip",
    packages: &["python3", "python3-pip"],
    purpose: "fetches the libraries",
    present: || python().is_ok(),
};

/// The graphics library for `host-trainer render`.
pub const OPENGL: Program = Program {
    name: "OpenGL without a screen",
    packages: &["libegl1", "libegl-mesa0", "libgl1-mesa-dri"],
    purpose: "renders pictures",
    present: opengl,
};

/// Whether the loader knows EGL, and EGL has an implementation that renders.
fn opengl() -> bool {
    // The second path serves users whose PATH lacks /sbin.
    let programs = [Path::new("ldconfig"), Path::new("/sbin/ldconfig")];
    let list = programs.iter().find_map(|program| process::text(Command::new(program).arg("-p")));
    let list = list.unwrap_or_default();
    let egl = library(&list, "libEGL.so.1").is_some();
    let nvidia = library(&list, "libEGL_nvidia.so.0").is_some();
    egl && (nvidia || library(&list, "libEGL_mesa.so.0").is_some_and(has_drivers))
}

/// The path of a library for this processor in what `ldconfig -p` prints.
fn library<'a>(list: &'a str, name: &str) -> Option<&'a Path> {
    list.lines()
        .filter(|line| line.split_whitespace().next() == Some(name) && line.contains("x86-64"))
        .find_map(|line| line.split(" => ").nth(1))
        .map(|path| Path::new(path.trim()))
}

/// Whether Mesa's software driver lies beside Mesa's EGL: older versions have a file for it, newer versions one
/// library with all drivers.
fn has_drivers(mesa: &Path) -> bool {
    let Some(folder) = mesa.parent() else { return false };
    let is_driver = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libgallium"))
    };
    folder.join("dri/swrast_dri.so").exists()
        || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(is_driver))
}

/// Returns the path of a Python that has pip.
///
/// # Errors
/// When there is none.
pub fn python() -> Result<PathBuf> {
    for name in ["python3", "python"] {
        let Some(path) = process::find_program(name) else { continue };
        let mut command = Command::new(&path);
        command.args(["-m", "pip", "--version"]).stderr(Stdio::null());
        if process::text(&mut command).is_some() {
            return Ok(path);
        }
    }
    Err(anyhow!("no Python with pip was found"))
}

/// Finds `program` or installs it; apt-get removes nothing.
///
/// # Errors
/// When it is missing and cannot be installed: one line with the command that installs it.
pub fn ensure(program: &Program) -> Result<Outcome> {
    ensure_with(program, Removals::Forbidden)
}

/// Finds `program` or installs it.
///
/// # Errors
/// When it is missing and cannot be installed: one line with the command that installs it.
pub fn ensure_with(program: &Program, removals: Removals) -> Result<Outcome> {
    let what = program.name.to_owned();
    if (program.present)() {
        return Ok(Outcome { what, fresh: false });
    }
    install(program.packages, &format!("{} ({})", program.name, program.purpose), removals)?;
    if !(program.present)() {
        bail!("apt-get has run, but {} is still missing", program.name);
    }
    Ok(Outcome { what, fresh: true })
}

/// Installs Debian packages.
///
/// # Errors
/// When this user may not install them, packages would be removed, or apt-get fails: one line with the command to
/// run.
pub fn install(packages: &[&str], what: &str, removals: Removals) -> Result<()> {
    let by_hand = format!(
        "sudo apt-get update && sudo apt-get install --no-install-recommends {}",
        packages.join(" ")
    );
    if process::find_program("apt-get").is_none() {
        bail!(
            "{what} is missing; install it with your package manager (on Debian: `{by_hand}`) and run \
             `cargo xtask setup` again"
        );
    }
    let Some(prefix) = privilege() else {
        bail!("{what} is missing; install it with `{by_hand}` and run `cargo xtask setup` again");
    };
    let apt = |arguments: &[&str]| {
        let mut words =
            prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        let mut command = Command::new(words.next().unwrap_or("env"));
        command.args(words).args(arguments);
        command
    };
    let plan = match plan(packages) {
        Ok(plan) => plan,
        // The lists of packages may be missing or old.
        Err(_) => {
            let step = Step::new("apt-get update");
            process::output(&mut apt(&["update", "-q"]))?;
            step.done();
            plan(packages)
                .map_err(|line| anyhow!("apt-get cannot install {what}: {line}; try `{by_hand}`"))?
        }
    };
    if removals == Removals::Forbidden && !plan.removed.is_empty() {
        bail!(
            "{what} is missing, and to install it apt-get would remove {}; \
             `cargo xtask setup --allow-removals` allows that",
            plan.removed.join(", ")
        );
    }
    let step = Step::new(format!("installing {what} with apt-get"));
    let mut words = vec!["install", "--yes", "-q", "--no-install-recommends"];
    // Also where the plan removes nothing: another program may have changed the packages since.
    words.extend((removals == Removals::Forbidden).then_some("--no-remove"));
    words.extend(packages);
    let done = process::output(&mut apt(&words))?;
    if !done.status.success() {
        let line = apt_error(&done.stderr);
        bail!("apt-get could not install {what}: {line}; try `{by_hand}`");
    }
    step.done();
    Ok(())
}

/// What `apt-get install` would do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Packages that are missing, each as `name=version`.
    pub(super) installed: Vec<String>,
    /// Names of packages that would be removed.
    pub(super) removed: Vec<String>,
}

/// Simulates an installation, for which any user has the rights.
///
/// # Errors
/// What apt-get said.
pub(super) fn plan(packages: &[&str]) -> Result<Plan, String> {
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--simulate", "--no-install-recommends"]).args(packages);
    let output = process::output(&mut apt).map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(apt_error(&output.stderr));
    }
    Ok(Plan::parse(&String::from_utf8_lossy(&output.stdout)))
}

impl Plan {
    /// Reads lines such as `Inst libfdt1 (1.6.1-4 Debian:12 [amd64])` and `Remv qemu-utils [10.0]`.
    fn parse(text: &str) -> Self {
        let mut plan = Self::default();
        for line in text.lines() {
            let Some((verb, rest)) = line.split_once(' ') else { continue };
            let name = rest.split_whitespace().next().unwrap_or_default();
            match verb {
                "Remv" => plan.removed.push(name.to_owned()),
                "Inst" => {
                    let version = rest.split_once('(').and_then(|(_, rest)| rest.split(' ').next());
                    plan.installed.push(format!("{name}={}", version.unwrap_or_default()));
                }
                _ => {}
            }
        }
        plan
    }
}

/// The first line in which apt-get names an error.
pub(super) fn apt_error(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().find_map(|line| line.strip_prefix("E: ")).map(str::to_owned);
    line.unwrap_or_else(|| process::last_line(stderr))
}

/// The words before a command that run it as root; none where that would need a password.
fn privilege() -> Option<&'static [&'static str]> {
    // SAFETY: the call has no preconditions and touches no memory.
    if unsafe { libc::geteuid() } == 0 {
        return Some(&[]);
    }
    process::find_program("sudo")?;
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"]).stdin(Stdio::null()).stderr(Stdio::null());
    process::text(&mut sudo).map(|_| &["sudo", "-n"][..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_the_list_of_the_loader() {
        let list = "2 libs found in cache\n\tlibEGL.so.1 (libc6) => /lib/i386/libEGL.so.1\n\
                    \tlibEGL.so.1 (libc6,x86-64) => /lib/amd64/libEGL.so.1\n";
        assert_eq!(library(list, "libEGL.so.1"), Some(Path::new("/lib/amd64/libEGL.so.1")));
        assert_eq!(library(list, "libEGL.so"), None);
    }

    #[test]
    fn a_driver_is_one_file_or_part_of_a_library() {
        for file in ["dri/swrast_dri.so", "libgallium-25.0.7-2.so"] {
            let folder = tempfile::tempdir().unwrap();
            let mesa = folder.path().join("libEGL_mesa.so.0");
            std::fs::write(&mesa, "").unwrap();
            assert!(!has_drivers(&mesa));
            std::fs::create_dir(folder.path().join("dri")).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
            assert!(has_drivers(&mesa), "{file}");
        }
    }

    #[test]
    fn the_plan_of_apt_is_read() {
        let plan = Plan::parse(
            "NOTE: This is only a simulation!\nInst libfdt1 (1.6.1-4 Debian:12 [amd64])\n\
             Remv qemu-utils [1:10.0.2]\nInst libpng16-16 [1.6.38] (1.6.39-2 Debian:12 [amd64])\n\
             Conf libfdt1 (1.6.1-4 Debian:12 [amd64])\n",
        );
        assert_eq!(plan.installed, ["libfdt1=1.6.1-4", "libpng16-16=1.6.39-2"]);
        assert_eq!(plan.removed, ["qemu-utils"]);
        assert_eq!(Plan::parse(""), Plan::default());
    }

    #[test]
    fn the_error_of_apt_is_its_first_one() {
        let text = b"W: old lists\nE: Packages need to be removed but remove is disabled.\nE: x\n";
        assert_eq!(apt_error(text), "Packages need to be removed but remove is disabled.");
        assert_eq!(apt_error(b"something\n"), "something");
    }
}
