//! Opens an existing run at one of its checkpoints.

use super::checkpoint::{self, Which};
use super::directory::RunDirectory;
use crate::train::Trainer;
use anyhow::Result;
use std::path::Path;
use tch::Device;

/// Returns the directory of the run in `path` and a trainer restored from its newest checkpoint.
///
/// # Errors
/// When `path` is not a run directory, or none of its checkpoints can be read.
pub fn load(path: &Path) -> Result<(RunDirectory, Trainer)> {
    load_checkpoint(path, Which::Newest)
}

/// Returns the directory of the run in `path` and a trainer restored from the selected checkpoint.
///
/// # Errors
/// When `path` is not a run directory, or the checkpoint is missing or cannot be read.
pub fn load_checkpoint(path: &Path, which: Which) -> Result<(RunDirectory, Trainer)> {
    let (directory, config) = RunDirectory::open(path)?;
    let mut trainer = Trainer::new(config, Device::Cpu)?;
    checkpoint::load(&directory, &mut trainer, which, |line| eprintln!("{line}"))?;
    Ok((directory, trainer))
}
