//! The packages of a workspace, as `cargo metadata` describes them.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package and its arrows to other packages of the repository.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Where its `Cargo.toml` lies.
    pub folder: PathBuf,
    /// Packages of the repository that it depends on, except for development.
    pub dependencies: Vec<String>,
    /// First files of its integration tests.
    pub tests: Vec<PathBuf>,
}

/// The members of the workspace that a `Cargo.toml` describes.
///
/// # Panics
/// When cargo cannot read the file.
#[must_use]
pub fn packages(manifest: &Path) -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]);
    let metadata: Value =
        serde_json::from_str(&crate::succeed(cargo.arg(manifest))).expect("cargo prints JSON");
    list(&metadata["packages"]).iter().map(package).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn package(value: &Value) -> Package {
    let local = |dependency: &&Value| !dependency["path"].is_null() && dependency["kind"] != "dev";
    let mut dependencies: Vec<String> = list(&value["dependencies"])
        .iter()
        .filter(local)
        .map(|dependency| text(&dependency["name"]))
        .collect();
    dependencies.sort();
    dependencies.dedup();
    let is_test = |target: &&Value| list(&target["kind"]).iter().any(|kind| kind == "test");
    let tests = list(&value["targets"]).iter().filter(is_test);
    Package {
        name: text(&value["name"]),
        folder: Path::new(&text(&value["manifest_path"])).parent().unwrap_or(Path::new("")).into(),
        dependencies,
        tests: tests.map(|target| PathBuf::from(text(&target["src_path"]))).collect(),
    }
}
