//! Opens an existing run at one of its checkpoints.

use super::checkpoint::{self, Which};
use super::directory::RunDirectory;
use crate::train::Trainer;
use anyhow::Result;
use std::path::Path;
use tch::Device;

/// The trainer of a run at its newest checkpoint.
///
/// # Errors
/// When there is no such run, or none of its checkpoints can be read.
pub fn load(path: &Path) -> Result<(RunDirectory, Trainer)> {
    load_checkpoint(path, Which::Newest)
}

/// The trainer of a run at a given checkpoint.
///
/// # Errors
/// When there is no such run or checkpoint, or the checkpoint cannot be read.
pub fn load_checkpoint(path: &Path, which: Which) -> Result<(RunDirectory, Trainer)> {
    let (directory, config) = RunDirectory::open(path)?;
    let mut trainer = Trainer::new(config, Device::Cpu)?;
    checkpoint::load(&directory, &mut trainer, which, |line| eprintln!("{line}"))?;
    Ok((directory, trainer))
}
