//! Reader of run directories, also of runs that are not finished.

use super::metrics_file::Metrics;
use super::score::{Score, SeedRecord};
use anyhow::{Context, Result, anyhow, bail};
use daa_envs::files;
use daa_trainer::config::{Config, flat, old_key};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A run as its directory records it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The run directory.
    pub path: PathBuf,
    /// The configuration with dotted keys; missing options have their defaults.
    pub config: Table,
    /// The seeds in the order of the configuration.
    pub seeds: Vec<SeedRecord>,
    /// Seconds of each phase, for all seeds together.
    pub phases: Vec<(String, f64)>,
    /// Seconds of all iterations.
    pub seconds: f64,
    /// Decisions of all seeds in these seconds.
    pub timed_decisions: u64,
    /// Whether the run is finished.
    pub finished: bool,
}

/// Largest file in bytes that is read.
const LARGEST_FILE: u64 = 1 << 30;

/// Depth to which folders are searched for runs.
const DEPTH: usize = 6;

/// The folder itself where it is a run, else the runs below it in the order of their names.
///
/// # Errors
/// When the folder does not exist or contains no run.
pub(in super::super) fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        let what = if folder.exists() { "is not a folder" } else { "does not exist" };
        bail!("{} {what}: name run directories, or a folder that contains some", folder.display());
    }
    let mut found = Vec::new();
    search(folder, DEPTH, &mut found)?;
    if found.is_empty() {
        bail!("{} contains no run: there is no config.toml in it or below it", folder.display());
    }
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if folder.join("config.toml").is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut below: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    below.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
    below.iter().try_for_each(|path| search(path, depth - 1, found))
}

/// A sort key that puts `run-10` after `run-9`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        parts.push((word.to_owned(), tail[..end].parse().unwrap_or(0)));
        rest = &tail[end..];
    }
    parts
}

/// The text of a file of at most [`LARGEST_FILE`] bytes.
pub(in super::super) fn read(path: &Path) -> Result<String> {
    let context = || format!("cannot read {}", path.display());
    files::read_text(path, LARGEST_FILE).with_context(context)
}

impl Record {
    /// Reads a run directory.
    ///
    /// # Errors
    /// One line that names the file, and the line in it.
    pub fn read(path: &Path, score: Score) -> Result<Self> {
        let place = path.join("config.toml");
        let given: Table = toml::from_str(&read(&place)?)
            .map_err(|error| anyhow!("{}: {}", place.display(), error.message()))?;
        if let Some((old, new)) = old_key(&given) {
            bail!(
                "{}: {old} is now {new}: the run was made by another version of this program",
                place.display()
            );
        }
        let mut config = flat(&Table::try_from(Config::default())?);
        config.extend(flat(&given));
        for key in ["task", "preset", "estimator.kind"] {
            if !config.get(key).is_some_and(Value::is_str) {
                bail!("{}: {key} is not a text in quotes", place.display());
            }
        }
        let known: Vec<u64> = config
            .get("seeds")
            .and_then(Value::as_array)
            .map(|seeds| {
                seeds.iter().filter_map(Value::as_integer).map(i64::cast_unsigned).collect()
            })
            .unwrap_or_default();
        let place = path.join("metrics.csv");
        let text = if place.exists() { read(&place)? } else { String::new() };
        let mut metrics = Metrics::parse(&text, score, &known)
            .map_err(|error| anyhow!("{}, {error}", place.display()))?;
        let place = path.join("times.csv");
        if place.exists() {
            let text = read(&place)?;
            metrics.take_times(&text).map_err(|error| anyhow!("{}, {error}", place.display()))?;
        }
        let mut record = Self {
            path: path.to_owned(),
            config,
            seeds: metrics.seeds.into_values().collect(),
            phases: metrics.phases,
            seconds: metrics.seconds,
            timed_decisions: 0,
            finished: false,
        };
        record.seeds.sort_by_key(|record| known.iter().position(|seed| *seed == record.seed));
        record.timed_decisions = record.seeds.iter().map(|seed| seed.decisions).sum();
        record.finish(score)?;
        Ok(record)
    }

    /// Takes the final returns from `summary.json`, whose evaluation has more episodes than those of
    /// `metrics.csv`.
    fn finish(&mut self, score: Score) -> Result<()> {
        let place = self.path.join("summary.json");
        if !place.exists() {
            return Ok(());
        }
        let summary: serde_json::Value = serde_json::from_str(&read(&place)?)
            .map_err(|error| anyhow!("{}: {error}", place.display()))?;
        self.finished = true;
        if score != Score::Mean {
            return Ok(());
        }
        let one = [summary.clone()];
        let each = summary["seeds"].as_array().map_or(&one[..], Vec::as_slice);
        let only = self.seeds.len() == 1;
        for end in each {
            let seed = end["seed"].as_u64();
            let found =
                self.seeds.iter_mut().find(|r| Some(r.seed) == seed || (seed.is_none() && only));
            if let (Some(record), Some(end)) = (found, end["return"].as_f64()) {
                record.last = Some(end);
                let decisions = record.decisions as f64;
                if record.curve.last().is_none_or(|(x, _)| *x < decisions) {
                    record.curve.push((decisions, end));
                }
            }
        }
        Ok(())
    }

    /// The value of an option that is a text; empty where the option has none.
    #[must_use]
    pub fn word(&self, key: &str) -> &str {
        self.config.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Decisions of each seed at the end of the run.
    #[must_use]
    pub fn planned(&self) -> Option<u64> {
        self.config.get("decisions").and_then(Value::as_integer).map(i64::cast_unsigned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_sort_as_numbers() {
        let mut names = ["run-10", "run-9", "a", "run-9-b"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a", "run-9", "run-9-b", "run-10"]);
    }
}
