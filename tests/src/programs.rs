//! The programs of the repository, built when a test first asks for them.

use crate::process::succeed;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}

/// Builds a program of the workspace, once a test process, and says where it is.
fn program(package: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--package", package]).current_dir(root());
    let _ = succeed(&mut cargo);
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release").join(package)
}

/// The program `host-trainer`, in a folder.
#[must_use]
pub fn host_trainer(folder: &Path) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("host-trainer")));
    command.current_dir(folder);
    command
}

/// The firmware's control loop on the workstation, in a folder.
#[must_use]
pub fn firmware_sim(folder: &Path) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("firmware-sim")));
    command.current_dir(folder);
    command
}

/// The program behind `cargo xtask`, in the repository.
#[must_use]
pub fn xtask() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("xtask")));
    command.current_dir(root());
    command
}

/// Cargo for the microcontroller, in a folder: without the variables that the outer cargo or the user set for
/// programs of the workstation.
#[must_use]
pub fn chip_cargo(folder: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for name in
        ["RUSTC", "RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS"]
    {
        cargo.env_remove(name);
    }
    cargo.current_dir(folder);
    cargo
}

/// The ELF of the firmware around an image; each is built once in a test process.
#[must_use]
pub fn firmware_elf(features: &[&str], image: &Path) -> Arc<[u8]> {
    type Built = BTreeMap<(String, PathBuf), Arc<[u8]>>;
    static BUILT: Mutex<Built> = Mutex::new(BTreeMap::new());
    let key = (features.join(","), image.to_owned());
    // Held during the build, so that a second test waits for the ELF instead of building it too.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(key).or_insert_with_key(|(features, image)| build_firmware(features, image)).clone()
}

fn build_firmware(features: &str, image: &Path) -> Arc<[u8]> {
    let firmware = root().join("firmware");
    std::fs::create_dir_all(firmware.join("target")).expect("a folder for the build");
    // `cargo xtask` takes the same lock: two builds for two images overwrite each other's result.
    let lock = std::fs::File::create(firmware.join("target/.xtask-lock")).expect("a lock");
    lock.lock().expect("the lock can be taken");
    let mut build = chip_cargo(&firmware);
    build.args(["build", "--quiet", "--release", "--bin", "firmware"]);
    build.args(["--no-default-features", "--features", features]);
    let _ = succeed(build.env("POLICY", image));
    let elf = firmware.join("target/thumbv7em-none-eabihf/release/firmware");
    std::fs::read(elf).expect("the firmware was built").into()
}

/// Python with the packages that files are held against; none where these tests were to be left out.
///
/// # Panics
/// When the packages are missing: a comparison that silently does not happen is none.
#[must_use]
pub fn reference_python() -> Option<Command> {
    let packages = root().join(".deps/reference");
    if std::env::var_os("DAA_WITHOUT_REFERENCE").is_some() {
        eprintln!("left out: DAA_WITHOUT_REFERENCE is set");
        return None;
    }
    assert!(
        packages.exists(),
        "no {}: cargo xtask test fetches it, DAA_WITHOUT_REFERENCE=1 leaves the comparison out",
        packages.display()
    );
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(python)
}
