//! Everything a run is, on disk: from here it goes on bit for bit.
//!
//! `checkpoints/ITERATION/weights.safetensors` holds the networks and their optimisers, `state.bin`
//! (postcard) the rest. A checkpoint is written into a folder beside, synced and renamed: one that
//! has its name is whole.

use super::directory::RunDirectory;
use crate::experience::SeedStatistics;
use crate::nn::NetworkState;
use crate::replay::ReplayBuffer;
use crate::rollout::WorkerState;
use crate::train::Trainer;
use anyhow::{Context, Result, bail};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Raised when [`State`] changes.
const VERSION: u32 = 1;
/// Checkpoints that are kept.
const KEPT: usize = 2;

/// All of a run but its networks.
#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    iteration: u64,
    model_trained: bool,
    episodes: usize,
    diverged: usize,
    statistics: Vec<SeedStatistics>,
    buffers: Vec<ReplayBuffer>,
    workers: Vec<WorkerState>,
    adam_steps: Vec<i64>,
}

/// Complete checkpoints, oldest first.
fn list(directory: &RunDirectory) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(directory.checkpoints()).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    found.sort();
    found
}

/// Writes a checkpoint of the trainer and forgets the oldest ones.
///
/// # Errors
/// When it cannot be written; older checkpoints are untouched then.
pub fn save(directory: &RunDirectory, trainer: &Trainer) -> Result<PathBuf> {
    let folder = directory.checkpoints();
    let target = folder.join(trainer.iteration.to_string());
    if target.exists() {
        return Ok(target);
    }
    let beside = folder.join(format!(".{}.{}", trainer.iteration, std::process::id()));
    let written = write_into(&beside, trainer)
        .and_then(|()| fs::rename(&beside, &target).context("renaming"))
        .with_context(|| format!("cannot save the checkpoint {}", target.display()));
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&beside);
        return Err(error);
    }
    let all = list(directory);
    for (_, old) in &all[..all.len().saturating_sub(KEPT)] {
        // A checkpoint that cannot be removed costs space, nothing else.
        let _ = fs::remove_dir_all(old);
    }
    Ok(target)
}

fn write_into(folder: &Path, trainer: &Trainer) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let states: Vec<(&str, NetworkState)> =
        trainer.networks().into_iter().map(|(name, network)| (name, network.state())).collect();
    let seeds = trainer.config.num_seeds();
    let mut tensors = Vec::new();
    for (name, state) in &states {
        let parts = [
            ("params", &state.params),
            ("first_moment", &state.first_moment),
            ("second_moment", &state.second_moment),
        ];
        for (part, values) in parts {
            let shape = vec![seeds, values.len() / seeds];
            let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(values))
                .context("laying out the weights")?;
            tensors.push((format!("{name}.{part}"), view));
        }
    }
    // One entry: a map of several is written in a different order every time, and the same weights
    // are to be the same bytes.
    let run = format!("{}, {} decisions", trainer.config.task, trainer.decisions());
    let about = HashMap::from([("run".to_owned(), run)]);
    let weights = safetensors::serialize(tensors, Some(about)).context("encoding the weights")?;
    let state = State {
        version: VERSION,
        iteration: trainer.iteration,
        model_trained: trainer.model_trained,
        episodes: trainer.episodes,
        diverged: trainer.diverged,
        statistics: trainer.experience.statistics.clone(),
        buffers: trainer.experience.buffers.clone(),
        workers: trainer.rollout.state()?,
        adam_steps: states.iter().map(|(_, state)| state.steps).collect(),
    };
    let state = postcard::to_allocvec(&state).context("encoding the state")?;
    for (name, bytes) in [("weights.safetensors", weights), ("state.bin", state)] {
        let place = folder.join(name);
        fs::write(&place, bytes).with_context(|| format!("writing {}", place.display()))?;
        File::open(&place)?.sync_all().with_context(|| format!("syncing {}", place.display()))?;
    }
    Ok(())
}

/// Puts the newest checkpoint of a run into a fresh trainer of its configuration.
///
/// # Errors
/// When there is none, or it is damaged or of another configuration.
pub fn load(directory: &RunDirectory, trainer: &mut Trainer) -> Result<()> {
    let Some((_, folder)) = list(directory).pop() else {
        bail!(
            "{} saved nothing to go on from: delete it and train again",
            directory.path().display()
        );
    };
    let damaged = || {
        format!(
            "the checkpoint {} is damaged: delete it to go on from an older one, if there is one, or train again",
            folder.display()
        )
    };
    let read = |name: &str| {
        let place = folder.join(name);
        fs::read(&place).with_context(|| format!("cannot read {}", place.display()))
    };
    let state: State = postcard::from_bytes(&read("state.bin")?).with_context(damaged)?;
    if state.version != VERSION {
        bail!(
            "the checkpoint {} is of version {}, this program reads {VERSION}",
            folder.display(),
            state.version
        );
    }
    let fits = state.statistics.len() == trainer.experience.statistics.len()
        && state.buffers.len() == trainer.experience.buffers.len();
    let bytes = read("weights.safetensors")?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(damaged)?;
    let steps = state.adam_steps.iter().copied().chain(std::iter::repeat(0));
    for ((name, network), steps) in trainer.networks_mut().into_iter().zip(steps) {
        let part = |part: &str| -> Result<Vec<f32>> {
            let view = tensors.tensor(&format!("{name}.{part}")).with_context(damaged)?;
            Ok(view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect())
        };
        let saved = NetworkState {
            params: part("params")?,
            first_moment: part("first_moment")?,
            second_moment: part("second_moment")?,
            steps,
        };
        if !fits || !network.restore(&saved) {
            bail!("the checkpoint {} is of another configuration", folder.display());
        }
    }
    trainer.rollout.restore(&state.workers).with_context(damaged)?;
    trainer.iteration = state.iteration;
    trainer.model_trained = state.model_trained;
    trainer.episodes = state.episodes;
    trainer.diverged = state.diverged;
    trainer.experience.statistics = state.statistics;
    trainer.experience.buffers = state.buffers;
    Ok(())
}
