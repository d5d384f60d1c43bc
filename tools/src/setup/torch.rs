//! libtorch: headers and CPU library from the Python wheel, and a folder for the linker.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::part::{Outcome, users_own};
use super::pip::{self, TORCH};
use super::place::Place;
use crate::files::{create_dir, link, write};
use crate::project::Project;

/// Files of the wheel that are needed, besides the headers.
const FILES: [&str; 4] = [
    "torch/version.py",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
];

/// CUDA libraries that `libtorch_cpu.so` is linked with and looks for beside itself.
const LIBRARIES: [&str; 2] = ["libcudart.so.13", "libcupti.so.13"];

/// Returns the libtorch folder in use, and whether the user set it.
pub fn in_force(project: &Project) -> (PathBuf, bool) {
    let fetched = project.deps().join("torch");
    match users_own("LIBTORCH", &fetched) {
        Some(path) => (path, true),
        None => (fetched, false),
    }
}

/// Fetches libtorch, unless the user has set one, and checks the version of the one in use.
///
/// # Errors
/// When libtorch cannot be fetched, or the user's libtorch has another version or is not complete.
pub(super) fn ensure(project: &Project) -> Result<Outcome> {
    let deps = project.deps();
    let (path, users) = in_force(project);
    let mut fresh = false;
    if !users {
        let place = Place { parent: &deps, name: "torch", origin: TORCH.origin() };
        if !place.is_current() {
            place.install(|dir| pip::take(project, TORCH, dir, needed))?;
            fresh = true;
        }
    }
    let version = check(&path, users)?;
    fresh |= ensure_link(project, &path, users)?;
    let whose = if users { ", your LIBTORCH" } else { "" };
    Ok(Outcome { what: format!("torch {version}{whose}"), fresh })
}

/// Where a file of the wheels goes, if it is needed.
fn needed(name: &str) -> Option<PathBuf> {
    let file = name.rsplit('/').next()?;
    if name.starts_with("nvidia/") {
        return LIBRARIES.contains(&file).then(|| Path::new("lib").join(file));
    }
    let wanted = name.starts_with("torch/include/") || FILES.contains(&name);
    wanted.then(|| name.strip_prefix("torch/").map(PathBuf::from))?
}

/// Makes the folder that the linker searches: the wheel's own `libtorch.so` would link every program with the CUDA
/// library. Returns whether the folder is new.
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
        create_dir(&links)?;
        for library in ["libtorch_cpu.so", "libc10.so"] {
            link(lib.join(library), &links.join(library))?;
        }
        write(&links.join("libtorch.so"), "INPUT(libtorch_cpu.so)\n")
    })?;
    Ok(true)
}

/// Returns the version of the libtorch in `path`, after checking the version and the files.
///
/// # Errors
/// One line that says what to do.
pub fn check(path: &Path, users: bool) -> Result<String> {
    let fix = if users {
        "unset LIBTORCH (then `cargo xtask setup` fetches the right one) or set it to such a torch folder"
    } else {
        "remove .deps/torch and run `cargo xtask setup`"
    };
    let version = version_of(path).ok_or_else(|| {
        anyhow!("{} contains no libtorch with a known version; {fix}", path.display())
    })?;
    if !is_right(&version) {
        bail!(
            "{} is torch {version}, not the {} needed here; {fix}",
            path.display(),
            TORCH.version()
        );
    }
    for file in ["include/torch/script.h", "lib/libtorch_cpu.so", "lib/libc10.so"] {
        if !path.join(file).exists() && !path.join("include/torch/csrc/api").join(file).exists() {
            bail!("{} lacks {file}; {fix}", path.display());
        }
    }
    Ok(version)
}

/// The version of a libtorch folder, from `version.py` in a Python wheel or `build-version` in the C++ archive.
fn version_of(path: &Path) -> Option<String> {
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

/// Whether `version` is the pinned one. The suffix after `+` only says how libtorch was built.
fn is_right(version: &str) -> bool {
    version.split('+').next() == Some(TORCH.version())
}

/// Whether an NVIDIA driver is loaded on this machine.
pub fn gpu_seen() -> bool {
    ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"]
        .iter()
        .any(|path| Path::new(path).exists())
}

/// A hint for a user with a GPU that the fetched library does not use.
pub fn cuda_hint(project: &Project) -> Option<&'static str> {
    let (_, users) = in_force(project);
    let fetched = project.deps().join("cuda").exists();
    (gpu_seen() && !users && !fetched).then_some(
        "an NVIDIA driver is loaded: `cargo xtask setup --cuda` fetches what `--device cuda` needs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_and_four_libraries_are_taken() {
        let to = |name| needed(name).map(|path| path.display().to_string());
        assert_eq!(to("torch/include/torch/script.h").as_deref(), Some("include/torch/script.h"));
        assert_eq!(to("torch/lib/libtorch_cpu.so").as_deref(), Some("lib/libtorch_cpu.so"));
        assert_eq!(to("nvidia/cu13/lib/libcudart.so.13").as_deref(), Some("lib/libcudart.so.13"));
        for name in ["torch/lib/libtorch_cuda.so", "nvidia/cu13/lib/libnvrtc.so", "bin/torchrun"] {
            assert_eq!(to(name), None);
        }
    }

    #[test]
    fn the_version_is_read_from_version_py() {
        let text = "from typing import Optional\n\n__all__ = ['__version__', 'debug']\n\
                    __version__ = '2.11.0+cu130'\ndebug = False\n";
        assert_eq!(parse_version_py(text).as_deref(), Some("2.11.0+cu130"));
        assert_eq!(parse_version_py("__version__ = broken\n"), None);
        assert_eq!(parse_version_py(""), None);
    }

    #[test]
    fn only_the_pinned_version_is_accepted_however_it_was_built() {
        assert!(is_right("2.11.0") && is_right("2.11.0+cu130") && is_right("2.11.0+cpu"));
        assert!(!is_right("2.11.1") && !is_right("2.10.0+cpu") && !is_right("2.11.0a0"));
    }

    #[test]
    fn another_version_is_refused_in_one_line_that_names_both() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        fs::write(dir.join("version.py"), "__version__ = '2.9.1+cpu'\n").unwrap();
        let error = check(dir, true).unwrap_err().to_string();
        assert!(error.contains("2.9.1+cpu") && error.contains("2.11.0") && error.contains("unset"));
        assert!(!error.contains('\n'));
        fs::write(dir.join("version.py"), "__version__ = '2.11.0'\n").unwrap();
        assert!(check(dir, true).unwrap_err().to_string().contains("lacks"));
        fs::remove_file(dir.join("version.py")).unwrap();
        assert!(check(dir, true).unwrap_err().to_string().contains("no libtorch"));
    }
}
