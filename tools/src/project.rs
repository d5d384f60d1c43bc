//! Paths in the repository and in the user's cache folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// The checkout in which this program was started.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    target_dir: OnceLock<PathBuf>,
}

impl Project {
    /// Returns the checkout that contains this package.
    ///
    /// # Errors
    /// When the folder is no longer a workspace: the binary was moved, or the checkout was.
    pub fn find() -> Result<Self> {
        // Cargo sets the variable for programs that it runs; the compiled-in value serves a direct start, and the
        // tests, whose package is another one.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.ends_with("tools"))
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = manifest.parent().map(Path::to_path_buf).unwrap_or_default();
        if !root.join("Cargo.toml").is_file() {
            bail!(
                "{} is not a checkout of this project; start `cargo xtask` inside one",
                root.display()
            );
        }
        Ok(Self { root, target_dir: OnceLock::new() })
    }

    /// The repository's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `.deps/`: fetched libraries, models and the firmware's compiler. Git ignores the folder.
    pub fn deps(&self) -> PathBuf {
        self.root.join(".deps")
    }

    /// `firmware/`, a package outside the workspace.
    pub fn firmware(&self) -> PathBuf {
        self.root.join("firmware")
    }

    /// `tests/fuzz/`, the package of the fuzz targets.
    pub fn fuzz(&self) -> PathBuf {
        self.root.join("tests/fuzz")
    }

    /// The folder of the workspace's build results, as cargo reports it.
    pub fn target_dir(&self) -> &Path {
        self.target_dir.get_or_init(|| {
            let mut cargo = process::cargo(&self.root);
            cargo.args(["metadata", "--no-deps", "--format-version", "1"]).stderr(Stdio::null());
            let metadata = process::text(&mut cargo)
                .and_then(|text| serde_json::from_str::<Value>(&text).ok());
            let dir =
                metadata.and_then(|value| value["target_directory"].as_str().map(PathBuf::from));
            dir.unwrap_or_else(|| self.root.join("target"))
        })
    }

    /// `path` without the repository's root, for messages.
    pub fn shorten<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// The user's cache folder for this project, shared by all checkouts.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
pub fn cache_dir() -> Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("daa"))
        .context("neither XDG_CACHE_HOME nor HOME names a folder to keep downloads in; set one")
}
