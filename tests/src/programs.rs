//! The programs of the repository, built when a test first asks for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tools::project::Project;

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}

/// The repository, as the launchers of programs know it.
#[must_use]
pub fn project() -> Project {
    Project::find().expect("the package lies in the repository")
}

/// Builds a program of the workspace and returns its path.
fn program(package: &str) -> PathBuf {
    tools::programs::build(&project(), package).expect("the program builds")
}

/// The program `host-trainer`, to be run in a folder.
#[must_use]
pub fn host_trainer(folder: &Path) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("host-trainer")));
    command.current_dir(folder);
    command
}

/// The program `firmware-sim`, to be run in a folder.
#[must_use]
pub fn firmware_sim(folder: &Path) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("firmware-sim")));
    command.current_dir(folder);
    command
}

/// The program behind `cargo xtask`, to be run in the repository's root.
#[must_use]
pub fn xtask() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("xtask")));
    command.current_dir(root());
    command
}

/// Cargo for builds for the microcontroller, to be run in a folder, without the variables that the outer cargo or the
/// user set for builds for the workstation.
#[must_use]
pub fn chip_cargo(folder: &Path) -> Command {
    tools::process::firmware_cargo(folder)
}

/// The ELF of the firmware with an image. Each combination is built once in a test process.
#[must_use]
pub fn firmware_elf(features: &[&str], image: &Path) -> Arc<[u8]> {
    type Built = BTreeMap<(String, PathBuf), Arc<[u8]>>;
    static BUILT: Mutex<Built> = Mutex::new(BTreeMap::new());
    let key = (features.join(","), image.to_owned());
    // The lock is held during the build, so that a second test waits for the ELF instead of building it too.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(key).or_insert_with_key(|(features, image)| build_firmware(features, image)).clone()
}

fn build_firmware(features: &str, image: &Path) -> Arc<[u8]> {
    let features: Vec<&str> = features.split(',').collect();
    let image = Some(image).filter(|image| !image.as_os_str().is_empty());
    let elf = tools::firmware::Elf::build_with(&project(), &features, image);
    elf.expect("the firmware builds").bytes().into()
}

/// Python with the packages that exported files are compared with; none if `DAA_WITHOUT_REFERENCE` is set.
///
/// # Panics
/// When the packages are missing, so that no comparison is left out unnoticed.
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
