//! Writes the folder of MuJoCo into this package's tests as a run path, and the commit into images.

use std::path::Path;
use std::process::Command;

include!("../link.rs");

fn main() {
    link_mujoco();
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = commit.ok().filter(|output| output.status.success());
    let commit =
        commit.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    println!("cargo:rustc-env=DAA_COMMIT={}", commit.trim());
    // Every commit and checkout appends a line to the log. Cargo would treat a missing file as changed in every build.
    let log = Path::new("../../.git/logs/HEAD");
    if log.exists() {
        println!("cargo:rerun-if-changed={}", log.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
}
