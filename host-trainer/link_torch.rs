// The build scripts of packages that link libtorch include this file after link.rs.

/// The version of libtorch that the locked version of `tch` requires.
const TORCH_VERSION: &str = "2.11.0";

/// Adds the run path of libtorch after checking its version. torch-sys does not check the version in a plain `LIBTORCH`
/// folder, and a mismatch causes errors that do not name it.
fn link_torch() {
    println!("cargo:rustc-env=TORCH_VERSION={TORCH_VERSION}");
    run_path("LIBTORCH", "lib");
    let folder = std::env::var("LIBTORCH").unwrap_or_default();
    let version = std::path::Path::new(&folder).join("version.py");
    if let Ok(text) = std::fs::read_to_string(&version)
        && !text.contains(&format!("'{TORCH_VERSION}"))
    {
        println!("cargo::error={} does not name libtorch {TORCH_VERSION}: run `cargo xtask setup`", version.display());
        std::process::exit(1);
    }
}
