//! The workspace's programs: built with cargo, started as programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::project::Project;

/// Environment variable that says that the workspace's programs have just been built, set by `cargo xtask test`.
///
/// Cargo unites the features of the packages that one command selects. A build of one package would therefore
/// compile most dependencies a second time, with fewer features, in the middle of the tests.
pub const BUILT: &str = "DAA_PROGRAMS_BUILT";

/// Builds the release binary of a package of the workspace, which has the package's name, and returns its path. An
/// unchanged package is not built again; where [`BUILT`] is set, a binary that exists is not built again either.
///
/// # Errors
/// When it does not build; cargo has printed why.
pub fn build(project: &Project, package: &str) -> Result<PathBuf> {
    if std::env::var_os(BUILT).is_some() {
        let program = project.target_dir().join("release").join(package);
        if program.is_file() {
            return Ok(program);
        }
    }
    let mut cargo = process::cargo(project.root());
    cargo.args(["build", "--release", "--package", package, "--bin", package]);
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let _guard = process::LeaveInterrupts::to_children();
    let output = process::output(&mut cargo)?;
    if !output.status.success() {
        bail!("{package} did not build; the messages above say why");
    }
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .with_context(|| format!("cargo did not report the path of {package}"))
}

/// A binary's path in cargo's JSON messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// The binary `host-trainer`.
pub struct HostTrainer {
    path: PathBuf,
}

impl HostTrainer {
    /// Builds the release binary.
    ///
    /// # Errors
    /// As [`build`].
    pub fn build(project: &Project) -> Result<Self> {
        build(project, "host-trainer").map(|path| Self { path })
    }

    /// Returns the release binary if it was built before.
    pub fn find(project: &Project) -> Option<Self> {
        let path = project.target_dir().join("release/host-trainer");
        path.is_file().then_some(Self { path })
    }

    /// The binary's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a command that runs the trainer in the repository's root.
    pub fn command(&self, project: &Project) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(project.root());
        command
    }

    /// Lets the trainer check an image.
    ///
    /// # Errors
    /// The trainer's own line when it refuses the image.
    pub fn check_image(&self, project: &Project, image: &Path) -> Result<()> {
        let mut inspect = self.command(project);
        inspect.arg("inspect").arg(image).arg("--json");
        process::succeed(&mut inspect, "").map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"host-trainer"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"host-trainer"},"executable":"/t/release/host-trainer"}
{"reason":"build-finished","success":true}
not json"#;
        assert_eq!(executable(messages, "host-trainer"), Some("/t/release/host-trainer".into()));
        assert_eq!(executable(messages, "firmware-sim"), None);
        assert_eq!(executable("{}", "host-trainer"), None);
    }
}
