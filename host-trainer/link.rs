// The build scripts of every package that links MuJoCo or libtorch include this file. Cargo's `[env]` table sets
// variables for the build but not for the dynamic loader, so the build scripts write the folders of the libraries into
// each binary as run paths.

/// Adds the folder `below` of the folder named by the environment variable to the run paths of this
/// package's binaries and tests.
fn run_path(variable: &str, below: &str) {
    println!("cargo:rerun-if-env-changed={variable}");
    let folder = std::env::var(variable).unwrap_or_default();
    let folder = std::path::Path::new(&folder).join(below);
    match folder.canonicalize() {
        Ok(folder) => println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display()),
        Err(_) => {
            println!("cargo::error={variable}: {} is missing: run `cargo xtask setup`", folder.display());
            std::process::exit(1);
        }
    }
}

/// Adds the run path of MuJoCo.
fn link_mujoco() {
    run_path("MUJOCO_DYNAMIC_LINK_DIR", "");
}
