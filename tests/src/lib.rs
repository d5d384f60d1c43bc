//! What the whole-system tests in the folder `tests` share: programs of the repository, training runs to kill, the
//! emulated microcontroller, the pages of the documentation, and the graph of modules and files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is the report")]

pub mod chip;

pub mod files;

pub mod foreign;

pub mod pages;

mod process;

mod programs;

pub mod rehearsal;

pub mod runs;

pub mod structure;

pub mod terminal;

pub use files::{Aligned, largest_difference, read_floats, write_floats};
pub use process::{Outcome, refuse, run, succeed};
pub use programs::{
    chip_cargo, firmware_elf, firmware_sim, host_trainer, project, reference_python, root, xtask,
};

use daa_core::image::Image;
use daa_core::policy::ActionLimits;
use daa_core::{DynMlp, DynPolicy, Normaliser};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Arguments of `train` for a run that takes seconds: both estimator phases, evaluations and three updates. They
/// stand in a file, because a file may have values of the model whatever the estimator.
pub const SMALL_RUN: [&str; 2] =
    ["--config", concat!(env!("CARGO_MANIFEST_DIR"), "/small-run.toml")];

/// An image that was trained with [`SMALL_RUN`], once in each test process.
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

/// An image whose policy and model were trained for longer than those of [`small_image`], once in each test process.
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

/// An image whose policy has layers half as wide as those of [`small_image`], trained once in each test process.
#[must_use]
pub fn narrow_image() -> &'static Path {
    static IMAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, image) = IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run_dir = folder.path().join("run");
        let mut command = host_trainer(folder.path());
        command.arg("train").args(SMALL_RUN).args(["--set", "actor.hidden=32", "-q", "--run-dir"]);
        let _ = succeed(command.arg(&run_dir));
        let image = run_dir.join("policy.daa");
        (folder, image)
    });
    image
}

/// The actions that `core` computes with the policy of an image, for rows of observations.
#[must_use]
pub fn actions(image: &Image<'_>, observations: &[f32]) -> Vec<f32> {
    let (architecture, passport) = (image.architecture(), image.metadata());
    let shape = architecture.policy();
    let (network, log_std) = image.policy_weights().split_at(shape.params());
    let network = DynMlp::new(shape, network, architecture.policy_activation).expect("it fits");
    let mean: Vec<f32> = passport.observations.iter().map(|signal| signal.mean).collect();
    let deviation: Vec<f32> = passport.observations.iter().map(|signal| signal.deviation).collect();
    let mut inverse = vec![0.0; mean.len()];
    let normaliser = Normaliser::new(&mean, &deviation, passport.observation_clip, &mut inverse);
    let limits = passport.actions.iter();
    let limits: Vec<_> = limits.map(|s| ActionLimits { low: s.low, high: s.high }).collect();
    let policy = DynPolicy::new(network, log_std, normaliser.expect("it fits"), &limits);
    let policy = policy.expect("it fits").with_head(architecture.policy_head);
    let mut scratch = vec![0.0; policy.scratch_len()];
    let act = |row: &[f32]| {
        let mut action = vec![0.0; shape.output];
        policy.mode(row, &mut scratch, &mut action);
        action
    };
    observations.chunks_exact(shape.input).flat_map(act).collect()
}
