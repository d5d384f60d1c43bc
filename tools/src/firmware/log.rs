//! The firmware's log, decoded by `tools/firmware-log` with the strings that remain in the ELF file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;
use crate::progress::Step;
use crate::project::Project;

/// One line of the firmware's log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// `INFO`, `ERROR` and so on; empty for output without a level.
    pub level: String,
    /// The text.
    pub message: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<5} {}", self.level, self.message)
    }
}

/// The decoder, a built program.
pub struct Decoder {
    path: PathBuf,
}

impl Decoder {
    /// Builds the decoder. An unchanged one is not built again.
    ///
    /// # Errors
    /// When it does not build; cargo's messages have been printed.
    pub fn build(project: &Project) -> Result<Self> {
        let package = project.root().join("tools/firmware-log");
        let target_dir = project.target_dir().join("firmware-log");
        let step = Step::new("building the decoder of the firmware's log");
        let mut cargo = process::cargo(&package);
        cargo.args(["build", "--quiet", "--release", "--target-dir"]).arg(&target_dir);
        process::build(&mut cargo, "the decoder of the firmware's log")?;
        step.done();
        Ok(Self { path: target_dir.join("release/firmware-log") })
    }

    /// Decodes a log file with the ELF file of the firmware that wrote it.
    ///
    /// # Errors
    /// When the ELF file lacks the strings.
    pub fn decode(&self, elf: &Path, log: &Path) -> Result<Vec<Line>> {
        let mut decode = Command::new(&self.path);
        let text = process::succeed(decode.arg(elf).arg(log), "the firmware's log")?;
        let text = String::from_utf8_lossy(&text);
        text.lines().map(|line| serde_json::from_str(line).context("the firmware's log")).collect()
    }
}

/// Returns the firmware's last error, its reason for stopping.
pub fn reason(lines: &[Line]) -> Option<&str> {
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
