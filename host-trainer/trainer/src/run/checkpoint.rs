//! Checkpoints: the complete state of a run on disk, from which the run is resumed bit for bit.
//!
//! | file in `checkpoints/ITERATION/` | content |
//! |---|---|
//! | `weights.safetensors` | networks and their optimisers |
//! | `state.bin` | the remaining state (postcard): replay, statistics, simulators, random streams, counters |
//! | `manifest.json` | version, iteration, and size and CRC-32 of the other two files |
//!
//! A checkpoint is written into a temporary folder, synced and renamed, so a folder named by its iteration is
//! complete. The newest checkpoints are kept, and so is the one with the best evaluation, which
//! `checkpoints/best.json` names.

use super::directory::RunDirectory;
use crate::data::{ReplayBuffer, SeedStatistics};
use crate::metrics::Best;
use crate::nn::{Network, NetworkState};
use crate::rollout::WorkerState;
use crate::train::Trainer;
use anyhow::{Context, Result, bail};
use daa_envs::files;
use daa_envs::files::write_atomically;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Version of the checkpoint format; raise it when [`State`] changes.
const VERSION: u32 = 3;
/// Number of the newest checkpoints that are kept.
const KEPT: usize = 2;
const MANIFEST: &str = "manifest.json";
const STATE: &str = "state.bin";
const WEIGHTS: &str = "weights.safetensors";

/// The state of a run except its networks.
#[derive(Serialize, Deserialize)]
struct State {
    iteration: u64,
    best: Option<Best>,
    /// What the estimator saves beside its networks.
    estimator: Vec<u8>,
    episodes: usize,
    diverged: usize,
    statistics: Vec<SeedStatistics>,
    buffers: Vec<ReplayBuffer>,
    workers: Vec<WorkerState>,
    adam_steps: Vec<i64>,
}

/// The content of `manifest.json`: version, position in the run, and the files of the checkpoint.
#[derive(Serialize, Deserialize)]
struct Manifest {
    version: u32,
    iteration: u64,
    decisions: u64,
    files: BTreeMap<String, Part>,
}

/// Size and checksum of a file of a checkpoint.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    bytes: u64,
    crc32: u32,
}

impl Part {
    fn of(bytes: &[u8]) -> Self {
        let crc = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISO_HDLC);
        Self { bytes: bytes.len() as u64, crc32: crc.checksum(bytes) }
    }
}

/// Selects a checkpoint of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The newest complete one.
    #[default]
    Newest,
    /// The checkpoint with the best evaluation.
    Best,
    /// The checkpoint saved after this iteration.
    Iteration(u64),
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "newest" => Ok(Self::Newest),
            "best" => Ok(Self::Best),
            number => number.parse().map(Self::Iteration).map_err(|_| {
                format!(
                    "{number} is not a checkpoint: use newest, best or the number of an iteration"
                )
            }),
        }
    }
}

/// Why a checkpoint cannot be used.
enum Unusable {
    /// The checkpoint is damaged; an older one may be complete.
    Damaged(String),
    /// The checkpoint belongs to another version or configuration; older ones would be refused too.
    Foreign(String),
}

/// Lists the complete checkpoints as iteration and folder, oldest first. A missing folder counts as empty; a
/// folder that cannot be read is an error.
fn list(directory: &RunDirectory) -> Result<Vec<(u64, PathBuf)>> {
    let folder = directory.checkpoints();
    let unreadable = || format!("cannot read {}", folder.display());
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(unreadable)?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// Whether a run has saved a checkpoint.
///
/// # Errors
/// When the folder of checkpoints cannot be read.
pub fn exists(directory: &RunDirectory) -> Result<bool> {
    Ok(!list(directory)?.is_empty())
}

/// The folder of the newest checkpoint, or `None` if there is no checkpoint.
///
/// # Errors
/// As [`exists`].
pub fn newest(directory: &RunDirectory) -> Result<Option<PathBuf>> {
    Ok(list(directory)?.pop().map(|(_, place)| place))
}

/// Writes a checkpoint of the trainer, deletes the oldest ones, and returns the folder of the new one.
///
/// # Errors
/// When the checkpoint cannot be written; older checkpoints are untouched then.
pub fn save(directory: &RunDirectory, trainer: &Trainer) -> Result<PathBuf> {
    let folder = directory.checkpoints();
    let target = folder.join(trainer.iteration.to_string());
    if target.exists() {
        name_best(directory, trainer.best)?;
        return Ok(target);
    }
    directory.sync_metrics()?;
    let beside = folder.join(format!(".{}.{}", trainer.iteration, std::process::id()));
    let written = write_into(&beside, trainer)
        .and_then(|()| fs::rename(&beside, &target).context("renaming"))
        .and_then(|()| File::open(&folder)?.sync_all().context("syncing"))
        .with_context(|| format!("cannot save the checkpoint {}", target.display()));
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&beside);
        return Err(error);
    }
    name_best(directory, trainer.best)?;
    let best = best(directory).map(|best| best.iteration);
    let all = list(directory)?;
    for (iteration, old) in &all[..all.len().saturating_sub(KEPT)] {
        if Some(*iteration) != best {
            // A checkpoint that cannot be removed only costs disk space.
            let _ = fs::remove_dir_all(old);
        }
    }
    Ok(target)
}

/// Deletes the checkpoints after `iteration`, which a run that is resumed from there writes again.
pub fn discard_after(directory: &RunDirectory, iteration: u64) {
    let entries = fs::read_dir(directory.checkpoints()).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.parse().is_ok_and(|number: u64| number > iteration) {
            // A checkpoint that cannot be removed only costs disk space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Writes the best evaluation to `best.json` where the file says something else: a process that is killed between a
/// checkpoint and this file leaves the file of an earlier evaluation.
fn name_best(directory: &RunDirectory, newest: Option<Best>) -> Result<()> {
    if newest.is_none() || best(directory) == newest {
        return Ok(());
    }
    let text = serde_json::to_string(&newest).context("naming the best checkpoint")?;
    write_atomically(&best_json(directory), text.as_bytes())
}

fn best_json(directory: &RunDirectory) -> PathBuf {
    directory.checkpoints().join("best.json")
}

/// The best evaluation so far, from `best.json`; `None` without a readable file.
fn best(directory: &RunDirectory) -> Option<Best> {
    serde_json::from_slice(&files::read(&best_json(directory), files::WRITTEN).ok()?).ok()
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
    // One entry only: a map of several entries is written in a random order, and equal weights must give
    // equal bytes.
    let run = format!("{}, {} decisions", trainer.config.task, trainer.decisions());
    let about = HashMap::from([("run".to_owned(), run)]);
    let weights = safetensors::serialize(tensors, Some(about)).context("encoding the weights")?;
    let state = State {
        iteration: trainer.iteration,
        best: trainer.best,
        estimator: trainer.estimator.save(),
        episodes: trainer.episodes,
        diverged: trainer.diverged,
        statistics: trainer.statistics.seeds.clone(),
        buffers: trainer.buffers.clone(),
        workers: trainer.rollout.state()?,
        adam_steps: states.iter().map(|(_, state)| state.steps).collect(),
    };
    let state = postcard::to_allocvec(&state).context("encoding the state")?;
    let parts = [(WEIGHTS, weights), (STATE, state)];
    let manifest = Manifest {
        version: VERSION,
        iteration: trainer.iteration,
        decisions: trainer.decisions(),
        files: parts.iter().map(|(name, bytes)| ((*name).to_owned(), Part::of(bytes))).collect(),
    };
    let manifest = serde_json::to_vec_pretty(&manifest).context("encoding the manifest")?;
    for (name, bytes) in parts.into_iter().chain([(MANIFEST, manifest)]) {
        let place = folder.join(name);
        File::create(&place)
            .and_then(|mut file| {
                file.write_all(&bytes)?;
                file.sync_all()
            })
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    Ok(())
}

/// Loads a checkpoint of a run into a fresh trainer of the same configuration. If the newest checkpoint is
/// damaged, the newest undamaged one is loaded, and `warn` receives a line that says so.
///
/// # Errors
/// When no checkpoint is complete, or the checkpoint belongs to another version or configuration.
pub fn load(
    directory: &RunDirectory,
    trainer: &mut Trainer,
    which: Which,
    mut warn: impl FnMut(&str),
) -> Result<()> {
    let place = directory.path().display();
    let all = list(directory)?;
    let wanted = match which {
        Which::Newest => None,
        Which::Best => Some(best(directory).map(|best| best.iteration).with_context(|| {
            format!(
                "{place} has no best checkpoint, because training did not evaluate it: use newest"
            )
        })?),
        Which::Iteration(iteration) => Some(iteration),
    };
    let candidates: Vec<_> = all
        .iter()
        .rev()
        .filter(|(number, _)| wanted.is_none_or(|wanted| wanted == *number))
        .collect();
    if candidates.is_empty() {
        if let Some(wanted) = wanted {
            let kept: Vec<String> = all.iter().map(|(number, _)| number.to_string()).collect();
            bail!("{place} has no checkpoint of iteration {wanted}, only of {}", kept.join(", "));
        }
        bail!("{place} has no checkpoint to resume from: delete the directory and train again");
    }
    let mut damage = String::new();
    let largest = largest(trainer)?;
    for (number, folder) in candidates {
        match read(folder, largest)
            .and_then(|(state, tensors)| put(trainer, folder, state, &tensors))
        {
            Ok(()) if damage.is_empty() => return Ok(()),
            Ok(()) => {
                warn(&format!("{damage}; loading the checkpoint of iteration {number} instead"));
                return Ok(());
            }
            Err(Unusable::Foreign(why)) => bail!(why),
            Err(Unusable::Damaged(why)) if damage.is_empty() => damage = why,
            Err(Unusable::Damaged(_)) => {}
        }
    }
    bail!("{damage}, and no older checkpoint is complete: delete {place} and train again")
}

/// Upper bound in bytes for a file of a checkpoint of this trainer, from its networks, full replay buffers and
/// environments.
///
/// # Errors
/// When the state of the environments cannot be encoded.
fn largest(trainer: &Trainer) -> Result<u64> {
    let numbers = |network: &Network| 3 * network.params().numel() as u64;
    let weights: u64 =
        trainer.networks().into_iter().map(|(_, network)| 4 * numbers(network)).sum();
    let buffers: u64 = trainer.buffers.iter().map(ReplayBuffer::largest).sum();
    let workers = postcard::to_allocvec(&trainer.rollout.state()?).context("encoding the state")?;
    // The margin of 1 MiB covers names, statistics and counters.
    Ok((1 << 20) + weights.max(buffers.saturating_add(2 * workers.len() as u64)))
}

/// Returns state and weights of a checkpoint after checking each file's size and checksum against the
/// manifest. A file of more than `largest` bytes is not read.
fn read(folder: &Path, largest: u64) -> Result<(State, Vec<u8>), Unusable> {
    let damaged = |why: String| {
        Unusable::Damaged(format!("the checkpoint {} is damaged ({why})", folder.display()))
    };
    let bytes = |name: &str| {
        files::read(&folder.join(name), largest)
            .map_err(|error| damaged(format!("{name}: {error}")))
    };
    let manifest = bytes(MANIFEST)?;
    let value: serde_json::Value = serde_json::from_slice(&manifest)
        .map_err(|error| damaged(format!("{MANIFEST}: {error}")))?;
    if value["version"] != VERSION {
        return Err(Unusable::Foreign(format!(
            "the checkpoint {} has version {}, this program reads version {VERSION}: use the program that wrote it, or train again",
            folder.display(),
            value["version"]
        )));
    }
    let manifest: Manifest =
        serde_json::from_value(value).map_err(|error| damaged(format!("{MANIFEST}: {error}")))?;
    let part = |name: &str| {
        let bytes = bytes(name)?;
        if manifest.files.get(name) == Some(&Part::of(&bytes)) {
            Ok(bytes)
        } else {
            Err(damaged(format!("size or checksum of {name} differs from {MANIFEST}")))
        }
    };
    let (weights, state) = (part(WEIGHTS)?, part(STATE)?);
    let state: State =
        postcard::from_bytes(&state).map_err(|error| damaged(format!("{STATE}: {error}")))?;
    if state.iteration != manifest.iteration {
        return Err(damaged(format!(
            "{STATE} does not belong to iteration {}",
            manifest.iteration
        )));
    }
    Ok((state, weights))
}

/// Whether the saved counters are possible in a run of this configuration, so that sums of them cannot overflow.
fn counts(state: &State, trainer: &Trainer) -> bool {
    let config = &trainer.config;
    let decisions = state.iteration.saturating_mul((config.batch() * config.num_seeds()) as u64);
    let best = state.best.is_none_or(|best| best.iteration <= state.iteration);
    best && state.iteration <= config.iterations()
        // Each decision ends at most one episode and causes at most one divergence.
        && state.episodes as u64 <= 2 * decisions
        && state.diverged <= state.episodes
        && state.adam_steps.iter().all(|steps| (0..=1 << 48).contains(steps))
}

/// Restores the trainer from the content of a checkpoint, after checking that it fits the configuration.
fn put(trainer: &mut Trainer, folder: &Path, state: State, weights: &[u8]) -> Result<(), Unusable> {
    let place = folder.display();
    let foreign = || {
        Unusable::Foreign(format!(
            "the checkpoint {place} belongs to another configuration than config.toml in the same run"
        ))
    };
    let statistics = &trainer.statistics.seeds;
    let fits = state.statistics.len() == statistics.len()
        && state.buffers.len() == trainer.buffers.len()
        && state.statistics.iter().zip(statistics).all(|(a, b)| a.fits(b))
        && state.buffers.iter().zip(&trainer.buffers).all(|(a, b)| a.fits(b))
        && state.adam_steps.len() == trainer.networks().len()
        && counts(&state, trainer);
    let tensors = SafeTensors::deserialize(weights).map_err(|error| {
        Unusable::Damaged(format!("the checkpoint {place} is damaged ({WEIGHTS}: {error})"))
    })?;
    if !fits {
        return Err(foreign());
    }
    let steps = state.adam_steps.iter().copied();
    for ((name, network), steps) in trainer.networks_mut().into_iter().zip(steps) {
        let part = |part: &str| -> Result<Vec<f32>, Unusable> {
            let view = tensors.tensor(&format!("{name}.{part}")).map_err(|_| foreign())?;
            let numbers = view.data().chunks_exact(4);
            Ok(numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        let saved = NetworkState {
            params: part("params")?,
            first_moment: part("first_moment")?,
            second_moment: part("second_moment")?,
            steps,
        };
        let numbers = [&saved.params, &saved.first_moment, &saved.second_moment];
        if let Some(number) = numbers.into_iter().flatten().find(|number| !number.is_finite()) {
            return Err(Unusable::Damaged(format!(
                "the checkpoint {place} is damaged ({WEIGHTS}: a number of {name} is {number})"
            )));
        }
        if !network.restore(&saved) {
            return Err(foreign());
        }
    }
    if !trainer.estimator.restore(&state.estimator) {
        return Err(foreign());
    }
    trainer.rollout.restore(&state.workers).map_err(|error| {
        Unusable::Foreign(format!("the checkpoint {place} cannot be used: {error}"))
    })?;
    trainer.iteration = state.iteration;
    trainer.best = state.best;
    trainer.episodes = state.episodes;
    trainer.diverged = state.diverged;
    trainer.statistics.seeds = state.statistics;
    trainer.buffers = state.buffers;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::small;
    use serde_json::{Value, json};

    /// Why a checkpoint with a changed state and a correct checksum is refused; none if it is accepted.
    fn refusal(place: &str, change: &Value) -> Option<String> {
        let mut trainer = small();
        trainer.iterate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_into(folder.path(), &trainer).unwrap();
        let Ok((state, weights)) = read(folder.path(), largest(&trainer).unwrap()) else {
            panic!("the new checkpoint cannot be read")
        };
        let mut state = serde_json::to_value(&state).unwrap();
        let known = state.pointer_mut(place).unwrap_or_else(|| panic!("no {place}"));
        *known = change.clone();
        let state = serde_json::from_value(state).unwrap();
        match put(&mut trainer, folder.path(), state, &weights) {
            Ok(()) => None,
            Err(Unusable::Damaged(why) | Unusable::Foreign(why)) => Some(why),
        }
    }

    #[test]
    fn the_best_checkpoint_is_named_after_a_kill_between_the_checkpoint_and_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = small();
        let place = folder.path().join("run");
        let directory = RunDirectory::claim(Some(&place), trainer.config()).unwrap();
        directory.begin(trainer.config()).unwrap();
        trainer.iterate().unwrap();
        trainer.best = Some(Best { iteration: 1, mean: 3.5 });
        save(&directory, &trainer).unwrap();
        // A process that was killed before it wrote best.json.
        fs::remove_file(best_json(&directory)).unwrap();
        save(&directory, &trainer).unwrap();
        assert_eq!(best(&directory), trainer.best);
        // The next checkpoint names it as well, and an evaluation that was discarded is not named any longer.
        trainer.iterate().unwrap();
        fs::write(best_json(&directory), r#"{"iteration":2,"return":9.0}"#).unwrap();
        save(&directory, &trainer).unwrap();
        assert_eq!(best(&directory), trainer.best);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused_behind_a_sound_checksum() {
        let huge = json!(u64::MAX);
        let cases = [
            ("/buffers", json!([])),
            ("/buffers/0/capacity", huge.clone()),
            ("/buffers/0/observations", huge.clone()),
            ("/buffers/0/actions", json!(0)),
            ("/buffers/0/numbers", json!([1.0])),
            ("/buffers/0/next", huge.clone()),
            ("/statistics", json!([])),
            ("/statistics/0/observations/mean", json!([])),
            ("/statistics/0/changes/squares", json!([1.0])),
            ("/statistics/0/returns/count", json!(-1.0)),
            ("/statistics/0/building_up", json!([0.0])),
            ("/workers", json!([])),
            ("/estimator", json!([])),
            ("/estimator", json!([2])),
            ("/adam_steps", json!([1])),
            ("/adam_steps/0", json!(-1)),
            ("/iteration", huge.clone()),
            ("/episodes", huge),
            ("/diverged", json!(8)),
            ("/workers/1/observation", json!([1.0])),
            ("/workers/1/environment/integration", json!([1.0])),
        ];
        for (place, change) in cases {
            let why = refusal(place, &change)
                .unwrap_or_else(|| panic!("a change of {place} was accepted"));
            assert!(why.contains("the checkpoint") && !why.contains('\n'), "{place}: {why}");
        }
        // The control: numbers that may differ are accepted.
        assert_eq!(refusal("/episodes", &json!(7)), None);
        assert_eq!(refusal("/buffers/0/next", &json!(0)), None);
    }

    #[test]
    fn weights_that_are_no_numbers_are_damage_with_a_name() {
        let mut trainer = small();
        trainer.iterate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let spoil = crate::nn::to_vec(trainer.critic.params()).len() / 2;
        let _ = trainer.critic.params().view(-1).get(spoil as i64).fill_(f64::NAN);
        write_into(folder.path(), &trainer).unwrap();
        let Ok((state, weights)) = read(folder.path(), largest(&trainer).unwrap()) else {
            panic!("the new checkpoint cannot be read")
        };
        match put(&mut small(), folder.path(), state, &weights) {
            Err(Unusable::Damaged(why)) => assert!(why.contains("critic is NaN"), "{why}"),
            _ => panic!("the checkpoint was accepted"),
        }
    }
}
