// Included, after link.rs, by the build scripts of packages that link libtorch.

/// The libtorch that `tch` of this lockfile is made for.
const TORCH_VERSION: &str = "2.11.0";

/// The run path of libtorch, after a check of its version: torch-sys does not check a plain `LIBTORCH`
/// folder, and a mismatch fails far from its cause.
fn link_torch() {
    println!("cargo:rustc-env=TORCH_VERSION={TORCH_VERSION}");
    run_path("LIBTORCH", "lib");
    let folder = std::env::var("LIBTORCH").unwrap_or_default();
    let version = std::path::Path::new(&folder).join("version.py");
    if let Ok(text) = std::fs::read_to_string(&version)
        && !text.contains(&format!("'{TORCH_VERSION}"))
    {
        println!("cargo::error={} is not of libtorch {TORCH_VERSION}: run `cargo xtask setup`", version.display());
        std::process::exit(1);
    }
}
