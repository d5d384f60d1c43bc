//! Programs that a page may name, and commands of them.

use crate::{host_trainer, xtask};
use std::path::Path;
use std::process::Command;

/// A program of ours and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub program: Program,
    /// Its arguments.
    pub words: Vec<String>,
}

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `host-trainer`.
    HostTrainer,
    /// `cargo xtask`.
    Xtask,
    /// `cp`.
    Copy,
}

impl Step {
    /// The command in a folder.
    #[must_use]
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = match self.program {
            Program::HostTrainer => host_trainer(folder),
            Program::Xtask => xtask(),
            Program::Copy => Command::new("cp"),
        };
        // Where dm_control is installed, `bench env` starts Python for every task.
        command.current_dir(folder).env("DM_CONTROL_PYTHON", "/nonexistent").args(&self.words);
        command
    }
}

/// Whether the words begin with those of `start`.
pub(super) fn begins(words: &[String], start: &[&str]) -> bool {
    words.len() >= start.len() && words.iter().zip(start).all(|(word, wanted)| word == wanted)
}

/// The program and arguments of a command of ours; none of other people's.
#[must_use]
pub fn ours(words: &[String]) -> Option<Step> {
    let starts = [
        (&["host-trainer"][..], Program::HostTrainer),
        (&["target/release/host-trainer"], Program::HostTrainer),
        (&["cargo", "run", "--release", "-p", "host-trainer", "--"], Program::HostTrainer),
        (&["cargo", "xtask"], Program::Xtask),
        (&["cp"], Program::Copy),
    ];
    let (start, program) = starts.into_iter().find(|(start, _)| begins(words, start))?;
    Some(Step { program, words: words[start.len()..].to_vec() })
}
