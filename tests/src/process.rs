//! Running a program to its end, and what it must have written.

use std::process::{Command, Output};

/// What a program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
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

/// Runs a program that must succeed, and gives its standard output.
#[must_use]
pub fn succeed(command: &mut Command) -> String {
    let outcome = run(command);
    assert_eq!(outcome.code, 0, "{command:?}: {}{}", outcome.stdout, outcome.stderr);
    outcome.stdout
}

/// Runs a program that must fail with exit code 1 and one line that says all of `words`; nothing
/// may have panicked.
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
