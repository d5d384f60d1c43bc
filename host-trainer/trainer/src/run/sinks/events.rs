//! The TensorBoard event files of a run, written during training; view them with `tensorboard --logdir runs`.

use super::tensorboard::{EventFile, scalars};
use crate::metrics::Metrics;
use crate::run::directory::RunDirectory;
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The event files of all seeds.
#[derive(Debug)]
pub struct Events {
    folder: std::path::PathBuf,
    /// Decisions of the run when this process began.
    done: u64,
    seeds: BTreeMap<u64, EventFile>,
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Events {
    /// The files of a run that has taken `done` decisions. Values of later decisions become void.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(directory: &RunDirectory, done: u64) -> Result<Self> {
        Ok(Self { folder: directory.tensorboard(), done, seeds: BTreeMap::new() })
    }

    /// Appends an iteration; TensorBoard's steps are decisions.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn append(&mut self, metrics: &[Metrics]) -> Result<()> {
        for seed in metrics {
            if !self.seeds.contains_key(&seed.seed) {
                let folder = self.folder.join(format!("seed-{}", seed.seed));
                let mut file = EventFile::create(&folder, now())?;
                if self.done > 0 {
                    file.restart(now(), self.done + 1)?;
                }
                self.seeds.insert(seed.seed, file);
            }
            let Some(file) = self.seeds.get_mut(&seed.seed) else { continue };
            let mut found = scalars(&Metrics::columns(), &seed.cells());
            found.extend(scalars(&Metrics::time_columns(), &seed.time_cells()));
            file.append(now(), seed.decisions, &found)?;
        }
        Ok(())
    }
}
