//! `core` for the microcontroller, compiled from the library source of an installed rustc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::place::{Hold, Place};
use crate::files::{self, explain, link, write};
use crate::process;
use crate::progress::Step;

/// The package that is built. When this text changes, the sysroot is built again.
const MANIFEST: &str = r#"[package]
name = "sysroot"
version = "0.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[workspace]

[dependencies]
alloc = { path = "library/alloc", features = ["compiler-builtins-mem"] }

# An optional dependency that is switched off; the stand-in spares cargo the registry.
[patch.crates-io]
cc = { path = "cc" }

[profile.release]
opt-level = 3
codegen-units = 1
debug = false

[profile.release.package.compiler_builtins]
codegen-units = 10000
"#;

/// Fat link-time optimisation across `core` needs embedded bitcode.
const RUSTFLAGS: &str = "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked";

const CRATES: [&str; 3] = ["core", "alloc", "compiler_builtins"];

/// An installed rustc with the source of its library.
pub(super) struct Source {
    /// The compiler's path.
    pub(super) rustc: PathBuf,
    /// `rustc --print sysroot`.
    pub(super) sysroot: PathBuf,
    /// The host's target triple.
    pub(super) host: String,
    /// `rustc --version`.
    pub(super) version: String,
    /// Everything that a library compiled by it depends on.
    pub(super) identity: String,
}

impl Source {
    /// Returns the first of two compilers that has the source: the system's rustc (Debian's source package), then
    /// the rustc on the PATH (rustup's component `rust-src`).
    pub(super) fn find() -> Option<Self> {
        let own =
            process::text(Command::new("rustc").args(["--print", "sysroot"]).stderr(Stdio::null()));
        let own = own.map(|sysroot| Path::new(&sysroot).join("bin/rustc"));
        [Some("/usr/bin/rustc".into()), own]
            .into_iter()
            .flatten()
            .find_map(|rustc| Self::at(&rustc))
    }

    fn at(rustc: &Path) -> Option<Self> {
        let sysroot = process::text(Command::new(rustc).args(["--print", "sysroot"]))?;
        let sysroot = PathBuf::from(sysroot);
        let library = sysroot.join("lib/rustlib/src/rust/library");
        if !library.join("core/src/lib.rs").is_file() {
            return None;
        }
        let verbose = process::text(Command::new(rustc).arg("-vV"))?;
        let version = verbose.lines().next()?.to_owned();
        if !new_enough(&version) {
            return None;
        }
        let host = verbose.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned();
        let identity = format!("{}\n{verbose}\n{RUSTFLAGS}\n{MANIFEST}", rustc.display());
        Some(Self { rustc: rustc.to_owned(), sysroot, host, version, identity })
    }

    /// Returns the files of `core`, `alloc` and `compiler_builtins` compiled for `target`. They are kept in `cache`
    /// for the next checkout.
    ///
    /// # Errors
    /// When they do not compile.
    pub(super) fn core_for(&self, target: &str, cache: &Path) -> Result<Vec<PathBuf>> {
        let parent = cache.join("sysroot");
        let _hold = Hold::on(&parent)?;
        let word = self.version.split_whitespace().nth(1).unwrap_or("unknown");
        let name = format!("{target}-{word}");
        let kept = Place { parent: &parent, name: &name, origin: self.identity.clone() };
        if !kept.is_current() {
            let build = files::temporary(&parent, "build")?;
            kept.install(|dir| self.compile(target, &build, dir))?;
            files::remove(&build)?;
        }
        let entries = fs::read_dir(kept.path()).map_err(|error| explain(error, &kept.path()))?;
        let files = entries.flatten().map(|entry| entry.path());
        Ok(files.filter(|path| path.extension().is_some_and(|kind| kind == "rlib")).collect())
    }

    fn compile(&self, target: &str, build: &Path, dir: &Path) -> Result<()> {
        write(&build.join("Cargo.toml"), MANIFEST)?;
        write(&build.join("lib.rs"), "#![feature(no_core)]\n#![no_core]\n")?;
        link(self.sysroot.join("lib/rustlib/src/rust/library"), &build.join("library"))?;
        let stand_in = build.join("cc");
        files::create_dir(&stand_in)?;
        let manifest =
            "[package]\nname = \"cc\"\nversion = \"1.999.0\"\n[lib]\npath = \"lib.rs\"\n";
        write(&stand_in.join("Cargo.toml"), manifest)?;
        write(&stand_in.join("lib.rs"), "")?;

        let step = Step::new(format!("compiling core for {target} (half a minute)"));
        let mut cargo = process::firmware_cargo(build);
        cargo.args(["build", "--release", "--quiet", "--target", target, "--target-dir", "target"]);
        cargo.env("RUSTC", &self.rustc).env("RUSTFLAGS", RUSTFLAGS);
        // Only the library itself may use unstable features of its compiler.
        cargo.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTC_WRAPPER");
        let output = process::output(&mut cargo)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let line = text.lines().find(|line| line.starts_with("error")).unwrap_or("no message");
            bail!("{} does not compile core for {target}: {line}", self.rustc.display());
        }
        let deps = build.join("target").join(target).join("release/deps");
        for name in CRATES {
            let start = format!("lib{name}-");
            let entries = fs::read_dir(&deps).map_err(|error| explain(error, &deps))?;
            let file = entries
                .flatten()
                .map(|entry| entry.path())
                .find(|path| {
                    path.extension().is_some_and(|kind| kind == "rlib")
                        && path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&start))
                })
                .with_context(|| format!("cargo built no {name} in {}", deps.display()))?;
            let copy = dir.join(file.file_name().unwrap_or_default());
            fs::copy(&file, &copy).map_err(|error| explain(error, &copy))?;
        }
        step.done();
        Ok(())
    }
}

/// Whether the text of `rustc --version` is at least the workspace's `rust-version`.
fn new_enough(version: &str) -> bool {
    let numbers = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let found = version.split_whitespace().nth(1).and_then(numbers);
    found.is_some() && found >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_older_than_the_workspace_needs_is_not_used() {
        assert!(new_enough("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"));
        assert!(new_enough("rustc 1.95.0"));
        assert!(!new_enough("rustc 1.85.0 (4d91de4e4 2025-02-17)"));
        assert!(!new_enough("something else"));
    }
}
