//! Programs of the operating system: found, or installed with apt-get where that is allowed, or
//! named together with the command that installs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow, bail};

use super::Outcome;
use crate::report::{Step, say};
use crate::run;

/// A program that set-up needs, the Debian packages that bring it, and what it is for.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static [&'static str],
    pub(crate) purpose: &'static str,
    pub(crate) present: fn() -> bool,
}

pub(crate) const QEMU: Program = Program {
    name: "qemu-system-arm",
    packages: &["qemu-system-arm"],
    purpose: "the emulated microcontroller",
    present: || run::find_program("qemu-system-arm").is_some(),
};

pub(crate) const CXX: Program = Program {
    name: "g++",
    packages: &["g++"],
    purpose: "compiling the bindings to libtorch",
    present: || std::env::var_os("CXX").is_some() || run::find_program("c++").is_some(),
};

pub(crate) const PIP: Program = Program {
    name: "pip",
    packages: &["python3", "python3-pip"],
    purpose: "fetching the libraries",
    present: || python().is_ok(),
};

/// Only `host-trainer render` needs it.
pub(crate) const OPENGL: Program = Program {
    name: "OpenGL without a screen",
    packages: &["libegl1", "libegl-mesa0", "libgl1-mesa-dri"],
    purpose: "pictures",
    present: opengl,
};

/// Whether the loader knows EGL, and EGL an implementation that draws.
fn opengl() -> bool {
    // Not on every user's PATH.
    let programs = [Path::new("ldconfig"), Path::new("/sbin/ldconfig")];
    let list = programs.iter().find_map(|program| run::text(Command::new(program).arg("-p")));
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

/// Whether Mesa's software driver lies beside Mesa's EGL: a file of its own in older versions, part of
/// one library of all drivers in newer ones.
fn has_drivers(mesa: &Path) -> bool {
    let Some(folder) = mesa.parent() else { return false };
    let is_driver = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libgallium"))
    };
    folder.join("dri/swrast_dri.so").exists()
        || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(is_driver))
}

/// Returns a Python that has pip.
pub(crate) fn python() -> Result<PathBuf> {
    for name in ["python3", "python"] {
        let Some(path) = run::find_program(name) else { continue };
        let mut command = Command::new(&path);
        command.args(["-m", "pip", "--version"]).stderr(Stdio::null());
        if run::text(&mut command).is_some() {
            return Ok(path);
        }
    }
    Err(anyhow!("no Python with pip was found"))
}

/// Finds `program` or installs it.
///
/// # Errors
/// When it is missing and may not or cannot be installed: one line with the command that does it.
pub(crate) fn ensure(program: &Program) -> Result<Outcome> {
    let what = program.name.to_owned();
    if (program.present)() {
        return Ok(Outcome { what, fresh: false });
    }
    install(program.packages, &format!("{} ({})", program.name, program.purpose))?;
    if !(program.present)() {
        bail!("apt-get ran, yet {} is still not to be found", program.name);
    }
    Ok(Outcome { what, fresh: true })
}

/// Installs Debian packages.
///
/// # Errors
/// When this user may not, or apt-get fails: one line with the command to run.
pub(crate) fn install(packages: &[&str], what: &str) -> Result<()> {
    let by_hand = format!(
        "sudo apt-get update && sudo apt-get install --no-install-recommends {}",
        packages.join(" ")
    );
    if run::find_program("apt-get").is_none() {
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
        command.args(words).args(arguments).stdin(Stdio::null());
        command
    };
    let simulate = [&["install", "--simulate", "--no-install-recommends"], packages].concat();
    let mut plan = run::output(&mut apt(&simulate))?;
    if !plan.status.success() {
        let step = Step::spinner("apt-get update");
        run::output(&mut apt(&["update", "-q"]))?;
        step.done();
        plan = run::output(&mut apt(&simulate))?;
    }
    let plan = String::from_utf8_lossy(&plan.stdout);
    let removed = removals(&plan);
    if !removed.is_empty() {
        say(format!("  installing {what} makes apt-get remove: {}", removed.join(" ")));
    }
    let step = Step::spinner(format!("installing {what} with apt-get"));
    let install = [&["install", "--yes", "-q", "--no-install-recommends"], packages].concat();
    let done = run::output(&mut apt(&install))?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr);
        let line = text.lines().find(|line| line.starts_with("E:")).map(str::to_owned);
        let line = line.unwrap_or_else(|| run::last_line(&done.stderr));
        bail!("apt-get could not install {what}: {line}; try `{by_hand}`");
    }
    step.done();
    Ok(())
}

/// What to put before a command so that it runs as root, or none where that would need a password.
fn privilege() -> Option<&'static [&'static str]> {
    // SAFETY: the call has no preconditions and touches no memory.
    if unsafe { libc::geteuid() } == 0 {
        return Some(&[]);
    }
    run::find_program("sudo")?;
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"]).stdin(Stdio::null()).stderr(Stdio::null());
    run::text(&mut sudo).map(|_| &["sudo", "-n"][..])
}

/// The packages that a simulated `apt-get install` would remove.
fn removals(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Remv "))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_the_loaders_list() {
        let list = "2 libs found in cache\n\tlibEGL.so.1 (libc6) => /lib/i386/libEGL.so.1\n\
                    \tlibEGL.so.1 (libc6,x86-64) => /lib/amd64/libEGL.so.1\n";
        assert_eq!(library(list, "libEGL.so.1"), Some(Path::new("/lib/amd64/libEGL.so.1")));
        assert_eq!(library(list, "libEGL.so"), None);
    }

    #[test]
    fn a_driver_is_one_file_or_part_of_one_library() {
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
    fn what_apt_would_remove_is_read_from_its_plan() {
        let plan = "Inst libfdt1 (1.6 Debian)\nRemv qemu-utils [10.0]\nConf libfdt1\n";
        assert_eq!(removals(plan), ["qemu-utils"]);
        assert!(removals("Inst a\nConf a\n").is_empty());
    }
}
