//! Whole-system tests: the programs as a user runs them. The tests are in this package's `tests`
//! folder; here is what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is the report")]

pub mod chip;

pub mod foreign;

pub mod pages;

pub mod rehearsal;

pub mod runs;

pub mod structure;

pub mod terminal;

use daa_core::image::Image;
use daa_core::policy::ActionLimits;
use daa_core::{MlpSlice, Normaliser, PolicySlice};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}

/// Builds a program of the workspace, once a test process, and says where it is.
fn program(package: &str) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", package])
        .current_dir(root())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{package} does not build");
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

/// Builds a program of the firmware around an image and returns its ELF's bytes.
#[must_use]
pub fn firmware_elf(features: &[&str], image: &Path) -> Vec<u8> {
    let firmware = root().join("firmware");
    std::fs::create_dir_all(firmware.join("target")).expect("a folder for the build");
    // `cargo xtask` takes the same lock: two builds for two images overwrite each other's result.
    let lock = std::fs::File::create(firmware.join("target/.xtask-lock")).expect("a lock");
    lock.lock().expect("the lock can be taken");
    let mut build = Command::new("cargo");
    // What the outer cargo or the user set for other programs is not meant for the chip.
    for name in
        ["RUSTC", "RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS"]
    {
        build.env_remove(name);
    }
    build.args(["build", "--quiet", "--release", "--bin", "firmware"]);
    build.args(["--no-default-features", "--features", &features.join(",")]);
    let output = build.env("POLICY", image).current_dir(&firmware).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(firmware.join("target/thumbv7em-none-eabihf/release/firmware"))
        .expect("the firmware was built")
}

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

/// `train` arguments of a run that takes seconds: both estimator phases, evaluations, three updates.
pub const SMALL_RUN: [&str; 20] = [
    "--set",
    "decisions=6144",
    "--set",
    "trajectory_len=256",
    "--set",
    "model_start=2048",
    "--set",
    "model_first_steps=60",
    "--set",
    "model_steps=30",
    "--set",
    "num_actions=4",
    "--set",
    "horizon=3",
    "--set",
    "epochs=3",
    "--set",
    "evaluate_every=1",
    "--set",
    "evaluate_episodes=2",
];

/// An image trained for a few seconds, made once a test process.
#[must_use]
pub fn small_image() -> &'static Path {
    static IMAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, image) = IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run_dir = folder.path().join("run");
        let mut command = host_trainer(folder.path());
        command.arg("train").args(SMALL_RUN).arg("-q").arg("--run-dir").arg(&run_dir);
        let _ = succeed(&mut command);
        let image = run_dir.join("policy.daa");
        (folder, image)
    });
    image
}

/// An image whose policy has learned something, and whose model knows the cart: two or three seconds.
#[must_use]
pub fn trained_image() -> &'static Path {
    static IMAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, image) = IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run_dir = folder.path().join("run");
        let mut command = host_trainer(folder.path());
        command.args(["train", "--preset", "quickstart", "--set", "decisions=20480", "-q"]);
        let _ = succeed(command.arg("--run-dir").arg(&run_dir));
        let image = run_dir.join("policy.daa");
        (folder, image)
    });
    image
}

/// An image of a policy half as wide.
#[must_use]
pub fn narrow_image() -> &'static Path {
    static IMAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, image) = IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run_dir = folder.path().join("run");
        let mut command = host_trainer(folder.path());
        command.arg("train").args(SMALL_RUN).args(["--set", "actor_hidden=32", "-q", "--run-dir"]);
        let _ = succeed(command.arg(&run_dir));
        let image = run_dir.join("policy.daa");
        (folder, image)
    });
    image
}

/// What `core` answers to rows of observations with the policy of an image.
#[must_use]
pub fn actions(image: &Image<'_>, observations: &[f32]) -> Vec<f32> {
    let (architecture, passport) = (image.architecture(), image.passport());
    let shape = architecture.policy();
    let (network, log_std) = image.policy_weights().split_at(shape.params());
    let network = MlpSlice::new(shape, network, architecture.policy_activation).expect("it fits");
    let mean: Vec<f32> = passport.observations.iter().map(|signal| signal.mean).collect();
    let deviation: Vec<f32> = passport.observations.iter().map(|signal| signal.deviation).collect();
    let mut inverse = vec![0.0; mean.len()];
    let normaliser = Normaliser::new(&mean, &deviation, passport.observation_clip, &mut inverse);
    let limits = passport.actions.iter();
    let limits: Vec<_> = limits.map(|s| ActionLimits { low: s.low, high: s.high }).collect();
    let policy = PolicySlice::new(network, log_std, normaliser.expect("it fits"), &limits);
    let policy = policy.expect("it fits").with_head(architecture.policy_head);
    let mut scratch = vec![0.0; policy.scratch_len()];
    let act = |row: &[f32]| {
        let mut action = vec![0.0; shape.output];
        policy.mode(row, &mut scratch, &mut action);
        action
    };
    observations.chunks_exact(shape.input).flat_map(act).collect()
}

/// Writes floats as raw little-endian bytes.
pub fn write_floats(path: &Path, values: &[f32]) {
    std::fs::write(path, bytemuck::cast_slice::<f32, u8>(values)).expect("the disk has room");
}

/// Reads raw little-endian floats.
#[must_use]
pub fn read_floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("the file is there");
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Largest difference between two runs of floats of one length; NaN where there is one.
#[must_use]
pub fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).fold(0.0, |largest, (a, b)| {
        let difference = (a - b).abs();
        if difference <= largest { largest } else { difference }
    })
}

/// Bytes where an image can be used in place.
#[derive(Clone, Debug)]
pub struct Aligned {
    words: Vec<u32>,
    len: usize,
}

impl Aligned {
    /// A copy of some bytes.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        let mut words = vec![0u32; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// The bytes, to change them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}
