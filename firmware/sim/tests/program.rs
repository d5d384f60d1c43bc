//! The program `firmware-sim`, started as a user starts it.
#![allow(clippy::unwrap_used)]

use std::process::Command;

/// Cargo puts the program two folders above this test. The variable `CARGO_BIN_EXE_firmware-sim` does not reach the
/// compiler, because the shell that starts it drops names with a hyphen.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    Command::new(test.ancestors().nth(2).unwrap().join("firmware-sim"))
}

#[test]
fn a_file_that_is_not_an_image_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.daa");
    std::fs::write(&file, "not an image").unwrap();
    let output = program().arg(&file).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("text.daa") && errors.trim_end().lines().count() == 1, "{errors}");
    assert!(output.stdout.is_empty());
}
