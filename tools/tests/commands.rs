//! The program behind `cargo xtask`, started as a user starts it.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn the_help_names_every_command_and_an_unknown_command_is_refused() {
    let xtask = || Command::new(env!("CARGO_BIN_EXE_xtask"));
    let help = xtask().arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success());
    for command in
        ["setup", "doctor", "test", "train", "emulate", "boot", "upload", "faults", "fuzz"]
    {
        let listed = text.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(listed, "{command} is not in {text}");
    }
    let unknown = xtask().arg("frobnicate").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("frobnicate"));
}
