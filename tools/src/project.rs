//! Where things lie in the repository and in the user's cache folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::run;

/// The checkout that this command was started in.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// Returns the checkout whose `tools/` folder this program was run from.
    ///
    /// # Errors
    /// When the parent of `tools/` is not this workspace any more (a moved binary).
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets the variable for programs it runs; the compiled-in value serves a direct start.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.ends_with("tools"))
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = manifest.parent().map(Path::to_path_buf).unwrap_or_default();
        if !root.join("Cargo.toml").is_file() {
            return Err(anyhow!(
                "{} is not a checkout of this project; start `cargo xtask` inside one",
                root.display()
            ));
        }
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The git-ignored folder of fetched libraries, models and the target's compiler.
    pub(crate) fn deps(&self) -> PathBuf {
        self.root.join(".deps")
    }

    pub(crate) fn firmware(&self) -> PathBuf {
        self.root.join("firmware")
    }

    /// Where cargo puts what it builds in the workspace, as cargo itself says.
    pub(crate) fn target_dir(&self) -> PathBuf {
        let mut cargo = run::cargo(&self.root);
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]).stderr(Stdio::null());
        let metadata =
            run::text(&mut cargo).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let dir = metadata.and_then(|value| value["target_directory"].as_str().map(PathBuf::from));
        dir.unwrap_or_else(|| self.root.join("target"))
    }

    /// `path` without the checkout's prefix, for messages.
    pub(crate) fn shorten<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// The user's cache folder, shared by all clones.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("daa"))
        .context("neither XDG_CACHE_HOME nor HOME names a folder to keep downloads in; set one")
}
