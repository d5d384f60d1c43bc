//! The firmware's log, decoded by `tools/firmware-log` with the strings that stayed behind in the ELF.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::project::Project;
use crate::report::Step;
use crate::run;

/// One line of the firmware's log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Line {
    /// `INFO`, `ERROR` and so on; empty for output without a level.
    pub(crate) level: String,
    pub(crate) message: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<5} {}", self.level, self.message)
    }
}

/// The built decoder.
pub(crate) struct Decoder {
    path: std::path::PathBuf,
}

impl Decoder {
    /// Builds the decoder, which is quick when it was built before.
    ///
    /// # Errors
    /// When it does not build.
    pub(crate) fn build(project: &Project) -> Result<Self> {
        let package = project.root().join("tools/firmware-log");
        let target_dir = project.target_dir().join("firmware-log");
        let step = Step::spinner("building the decoder of the firmware's log");
        let mut cargo = run::cargo(&package);
        cargo.args(["build", "--quiet", "--release", "--target-dir"]).arg(&target_dir);
        let output = run::output(&mut cargo)?;
        if !output.status.success() {
            bail!("the log decoder does not build: {}", String::from_utf8_lossy(&output.stderr));
        }
        step.done();
        Ok(Self { path: target_dir.join("release/firmware-log") })
    }

    /// Decodes a log file with the ELF file that wrote it.
    ///
    /// # Errors
    /// When the ELF does not hold the strings.
    pub(crate) fn decode(&self, elf: &Path, log: &Path) -> Result<Vec<Line>> {
        let output = run::output(Command::new(&self.path).arg(elf).arg(log))?;
        if !output.status.success() {
            let line = run::last_line(&output.stderr);
            bail!("the firmware's log: {}", line.trim_start_matches("error: "));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| serde_json::from_str(line).context("the firmware's log")).collect()
    }
}

/// The reason that the firmware gave for stopping: its last error.
pub(crate) fn reason(lines: &[Line]) -> Option<&str> {
    let errors = lines.iter().rev().filter(|line| line.level == "ERROR");
    errors.map(|line| line.message.as_str()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_the_reason() {
        let line =
            |level: &str, message: &str| Line { level: level.into(), message: message.into() };
        let lines = [
            line("ERROR", "first"),
            line("INFO", "between"),
            line("ERROR", "last"),
            line("WARN", "x"),
        ];
        assert_eq!(reason(&lines), Some("last"));
        assert_eq!(reason(&lines[1..2]), None);
        assert_eq!(lines[3].to_string(), "WARN  x");
    }
}
