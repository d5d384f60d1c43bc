//! libtorch: the headers and the CPU library out of the Python wheel, and a folder to link against.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::place::{Place, link, write};
use super::wheels::{self, CUDA_RUNTIME, CUPTI, TORCH};
use super::{Outcome, users_own};
use crate::project::{Project, cache_dir};

/// Returns the libtorch folder in force, and whether it is the user's own.
pub(crate) fn in_force(project: &Project) -> (PathBuf, bool) {
    let fetched = project.deps().join("torch");
    match users_own("LIBTORCH", &fetched) {
        Some(path) => (path, true),
        None => (fetched, false),
    }
}

/// Fetches libtorch, unless the user has set one, and checks the version of what is in force.
///
/// # Errors
/// When it cannot be fetched, or the user's one is not of the right version or not complete.
pub(crate) fn ensure(project: &Project) -> Result<Outcome> {
    let deps = project.deps();
    let (path, users) = in_force(project);
    let mut fresh = false;
    if !users {
        let pins = [TORCH.pin(), CUDA_RUNTIME.pin(), CUPTI.pin()].join("\n");
        let place = Place { parent: &deps, name: "torch", origin: pins };
        if !place.is_current() {
            place.install(fill)?;
            fresh = true;
        }
    }
    let version = check(&path, users)?;
    fresh |= ensure_link(project, &path, users)?;
    let whose = if users { ", your LIBTORCH" } else { "" };
    Ok(Outcome { what: format!("torch {version}{whose}"), fresh })
}

fn fill(dir: &Path) -> Result<()> {
    let cache = cache_dir()?;
    let mut wheel = TORCH.open(&cache)?;
    wheels::extract(&mut wheel, dir, "libtorch", |name| {
        let name = name.strip_prefix("torch/")?;
        let wanted = name.starts_with("include/")
            || matches!(
                name,
                "version.py" | "lib/libtorch_cpu.so" | "lib/libc10.so" | "lib/libgomp.so.1"
            );
        wanted.then(|| name.into())
    })?;
    // libtorch_cpu.so asks for these two and looks for them beside itself.
    for (wheel, library) in [(CUDA_RUNTIME, "libcudart.so.13"), (CUPTI, "libcupti.so.13")] {
        wheels::extract(&mut wheel.open(&cache)?, dir, library, |name| {
            let file = name.rsplit('/').next()?;
            (file == library).then(|| Path::new("lib").join(file))
        })?;
    }
    Ok(())
}

/// Makes the folder the linker is shown: without it the wheel's own `libtorch.so` would pull the CUDA
/// library into every program.
fn ensure_link(project: &Project, libtorch: &Path, users: bool) -> Result<bool> {
    let deps = project.deps();
    if let Some(own) = users_own("LIBTORCH_LIB", &deps.join("torch-link")) {
        for library in ["libtorch.so", "libtorch_cpu.so", "libc10.so"] {
            let path = own.join("lib").join(library);
            if !path.exists() {
                bail!(
                    "your LIBTORCH_LIB lacks {}; unset it, or point it to the parent of libtorch's lib",
                    path.display()
                );
            }
        }
        return Ok(false);
    }
    let lib = if users { libtorch.join("lib") } else { "../../torch/lib".into() };
    let origin = format!("links to {}", lib.display());
    let place = Place { parent: &deps, name: "torch-link", origin };
    if place.is_current() {
        return Ok(false);
    }
    place.install(|dir| {
        let links = dir.join("lib");
        fs::create_dir_all(&links)?;
        for library in ["libtorch_cpu.so", "libc10.so"] {
            link(lib.join(library), &links.join(library))?;
        }
        write(&links.join("libtorch.so"), "INPUT(libtorch_cpu.so)\n")
    })?;
    Ok(true)
}

/// Returns the version of the libtorch in `path` after checking it and the files needed from it.
///
/// # Errors
/// One line that names the fix.
pub(crate) fn check(path: &Path, users: bool) -> Result<String> {
    let fix = if users {
        "unset LIBTORCH (then `cargo xtask setup` fetches the right one) or set it to such a torch folder"
    } else {
        "remove .deps/torch and run `cargo xtask setup`"
    };
    let version = version_of(path).ok_or_else(|| {
        anyhow!("{} holds no libtorch with a known version; {fix}", path.display())
    })?;
    if !is_right(&version) {
        bail!(
            "{} is torch {version}, not the {} needed here; {fix}",
            path.display(),
            TORCH.version
        );
    }
    for file in ["include/torch/script.h", "lib/libtorch_cpu.so", "lib/libc10.so"] {
        if !path.join(file).exists() && !path.join("include/torch/csrc/api").join(file).exists() {
            bail!("{} lacks {file}; {fix}", path.display());
        }
    }
    Ok(version)
}

/// The version that a libtorch folder states: `version.py` of the wheel, `build-version` of the
/// archive for C++.
pub(crate) fn version_of(path: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(path.join("version.py")) {
        return parse_version_py(&text);
    }
    let text = fs::read_to_string(path.join("build-version")).ok()?;
    Some(text.trim().to_owned()).filter(|version| !version.is_empty())
}

fn parse_version_py(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("__version__"))?;
    let value = value.split_once('=')?.1.trim();
    let version = value.trim_matches(|c| c == '\'' || c == '"');
    (version.len() + 2 == value.len()).then(|| version.to_owned())
}

/// Whether `version` is the needed one; what follows a `+` only names how it was built.
fn is_right(version: &str) -> bool {
    version.split('+').next() == Some(TORCH.version)
}

/// Whether an NVIDIA driver is loaded on this machine.
pub(crate) fn gpu_seen() -> bool {
    ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"]
        .iter()
        .any(|path| Path::new(path).exists())
}

/// What to tell a user whose GPU the fetched library does not use.
pub(crate) fn cuda_hint(project: &Project) -> Option<&'static str> {
    let (_, users) = in_force(project);
    let fetched = project.deps().join("cuda").exists();
    (gpu_seen() && !users && !fetched).then_some(
        "an NVIDIA driver is here: `cargo xtask setup --cuda` fetches what `--device cuda` needs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_version_py() {
        let text = "from typing import Optional\n\n__all__ = ['__version__', 'debug']\n\
                    __version__ = '2.11.0+cu130'\ndebug = False\n";
        assert_eq!(parse_version_py(text).as_deref(), Some("2.11.0+cu130"));
        assert_eq!(parse_version_py("__version__ = broken\n"), None);
        assert_eq!(parse_version_py(""), None);
    }

    #[test]
    fn only_the_pinned_version_is_right_however_it_was_built() {
        assert!(is_right("2.11.0") && is_right("2.11.0+cu130") && is_right("2.11.0+cpu"));
        assert!(!is_right("2.11.1") && !is_right("2.10.0+cpu") && !is_right("2.11.0a0"));
    }

    #[test]
    fn another_version_is_refused_in_one_line_that_names_both() {
        let dir = std::env::temp_dir().join(format!("xtask-torch-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("version.py"), "__version__ = '2.9.1+cpu'\n").unwrap();
        let error = check(&dir, true).unwrap_err().to_string();
        assert!(error.contains("2.9.1+cpu") && error.contains("2.11.0") && error.contains("unset"));
        assert!(!error.contains('\n'));
        fs::write(dir.join("version.py"), "__version__ = '2.11.0'\n").unwrap();
        assert!(check(&dir, true).unwrap_err().to_string().contains("lacks"));
        fs::remove_dir_all(&dir).unwrap();
        assert!(check(&dir, true).unwrap_err().to_string().contains("no libtorch"));
    }
}
