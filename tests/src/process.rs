//! Runs programs to their end and checks their output and exit codes.

use std::process::{Command, Output};

/// Exit code and output of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code, or -1 after a signal.
    pub code: i32,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

/// Runs a program to its end.
#[must_use]
pub fn run(command: &mut Command) -> Outcome {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Outcome {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs a program that must succeed, and returns its standard output.
#[must_use]
pub fn succeed(command: &mut Command) -> String {
    let outcome = run(command);
    assert_eq!(outcome.code, 0, "{command:?}: {}{}", outcome.stdout, outcome.stderr);
    outcome.stdout
}

/// Runs a program that must fail with exit code 1, without a panic, and with one error line that contains all of
/// `words`.
pub fn refuse(command: &mut Command, words: &[&str]) {
    let outcome = run(command);
    assert_eq!(outcome.code, 1, "{command:?}: {outcome:?}");
    let lines: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{command:?}: {outcome:?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    for word in words {
        assert!(lines[0].contains(word), "{command:?}: no {word:?} in {:?}", lines[0]);
    }
}
