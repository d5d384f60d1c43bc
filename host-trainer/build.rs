//! Lets the program find the two native libraries where set-up put them: cargo's `[env]` reaches the
//! build, not the loader, so their folders are written into the binary as run paths.

use std::{env, path::Path, process};

/// The libtorch that `tch` of this lockfile is made for.
const TORCH_VERSION: &str = "2.11.0";

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    println!("cargo:rustc-env=TORCH_VERSION={TORCH_VERSION}");
    for (variable, below) in [("LIBTORCH", "lib"), ("MUJOCO_DYNAMIC_LINK_DIR", "")] {
        let folder = env::var(variable).unwrap_or_default();
        let folder = Path::new(&folder).join(below);
        match folder.canonicalize() {
            Ok(folder) => println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display()),
            Err(_) => {
                println!(
                    "cargo::error={variable}: {} is missing: run `cargo xtask setup`",
                    folder.display()
                );
                process::exit(1);
            }
        }
    }
    // torch-sys does not check a plain LIBTORCH folder, and a mismatch fails far from its cause.
    let version = Path::new(&env::var("LIBTORCH").unwrap_or_default()).join("version.py");
    if let Ok(text) = std::fs::read_to_string(&version)
        && !text.contains(&format!("'{TORCH_VERSION}"))
    {
        println!(
            "cargo::error={} is not of libtorch {TORCH_VERSION}: run `cargo xtask setup`",
            version.display()
        );
        process::exit(1);
    }
    let commit = process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = commit.ok().filter(|output| output.status.success());
    let commit =
        commit.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    println!("cargo:rustc-env=DAA_COMMIT={}", commit.trim());
    // One line more with every commit and checkout. A file that is missing would count as changed.
    let log = Path::new("../.git/logs/HEAD");
    if log.exists() {
        println!("cargo:rerun-if-changed={}", log.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
}
