//! `host-trainer` as a program: building it, starting it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project::Project;
use crate::run;

/// The trainer's binary.
pub(crate) struct HostTrainer {
    path: PathBuf,
}

impl HostTrainer {
    /// Builds the release binary, which is quick when nothing changed.
    ///
    /// # Errors
    /// When it does not compile; cargo has shown why.
    pub(crate) fn build(project: &Project) -> Result<Self> {
        let mut cargo = run::cargo(project.root());
        cargo.args(["build", "--release", "--package", "host-trainer", "--bin", "host-trainer"]);
        cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
        let _patience = run::LeaveInterrupts::to_children();
        let output = run::output(&mut cargo)?;
        if !output.status.success() {
            bail!("host-trainer does not build; the messages above say why");
        }
        let path = executable(&String::from_utf8_lossy(&output.stdout))
            .context("cargo did not say where it put host-trainer")?;
        Ok(Self { path })
    }

    /// Returns the release binary if it was built before.
    pub(crate) fn find(project: &Project) -> Option<Self> {
        let path = project.target_dir().join("release/host-trainer");
        path.is_file().then_some(Self { path })
    }

    /// Returns a command that runs the trainer in the checkout.
    pub(crate) fn command(&self, project: &Project) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(project.root());
        command
    }

    /// Lets the trainer check an image.
    ///
    /// # Errors
    /// The trainer's own line when it refuses the image.
    pub(crate) fn check_image(&self, project: &Project, image: &Path) -> Result<()> {
        let mut inspect = self.command(project);
        inspect.arg("inspect").arg(image).arg("--json");
        let output = run::output(&mut inspect)?;
        if !output.status.success() {
            let line = run::last_line(&output.stderr);
            bail!("{}", line.trim_start_matches("error: "));
        }
        Ok(())
    }
}

/// The binary's path in cargo's JSON messages.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "host-trainer")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
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
        assert_eq!(executable(messages), Some("/t/release/host-trainer".into()));
        assert_eq!(executable("{}"), None);
    }
}
