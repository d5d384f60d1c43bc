//! What a run directory says, finished or not.
//!
//! Read by column name and leniently: a file of an older version lacks columns, an unfinished one
//! lines, a killed one half a line.

use crate::config::Config;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Which return is the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Score {
    /// Evaluation with the most probable actions
    #[default]
    Mean,
    /// Evaluation with sampled actions, as in the papers
    Sampled,
    /// Training episodes
    Training,
}

impl Score {
    fn column(self) -> &'static str {
        match self {
            Self::Mean => "evaluation_return",
            Self::Sampled => "sampled_return",
            Self::Training => "episode_return",
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Mean => "return of the most probable actions",
            Self::Sampled => "return of sampled actions",
            Self::Training => "return of training episodes",
        }
    }
}

/// One seed of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedRecord {
    /// The seed.
    pub seed: u64,
    /// Decisions so far.
    pub decisions: u64,
    /// Scores, at growing numbers of decisions.
    pub curve: Vec<(f64, f64)>,
    /// The score after the last update.
    pub last: Option<f64>,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its directory.
    pub path: PathBuf,
    /// Its configuration; what it does not say is the default.
    pub config: Table,
    /// Its seeds, in its order.
    pub seeds: Vec<SeedRecord>,
    /// Seconds by phase, of all seeds together.
    pub phases: Vec<(String, f64)>,
    /// Seconds of all iterations.
    pub seconds: f64,
    /// Decisions of all seeds in that time.
    pub timed_decisions: u64,
    /// Whether it has come to its end.
    pub finished: bool,
}

/// Larger files are not what they are taken for.
const LARGEST_FILE: u64 = 1 << 30;

/// Folders below folders that are searched for runs.
const DEPTH: usize = 6;

/// The runs in a folder, itself or below it, in the order of their names.
///
/// # Errors
/// When there is no such folder, or no run in it.
pub(super) fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        let what = if folder.exists() { "is no folder" } else { "does not exist" };
        bail!("{} {what}: name run directories or a folder that holds some", folder.display());
    }
    let mut found = Vec::new();
    search(folder, DEPTH, &mut found)?;
    if found.is_empty() {
        bail!("{} holds no run: no config.toml in it or below it", folder.display());
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

/// A key that puts `run-10` behind `run-9`.
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

/// A text file of a bearable size.
pub(super) fn read(path: &Path) -> Result<String> {
    let context = || format!("cannot read {}", path.display());
    let len = fs::metadata(path).with_context(context)?.len();
    if len > LARGEST_FILE {
        bail!("{} has {len} bytes: too many for what it should be", path.display());
    }
    fs::read_to_string(path).with_context(context)
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
        let mut config = Table::try_from(Config::default())?;
        config.extend(given);
        for key in ["task", "preset", "estimator"] {
            if !config.get(key).is_some_and(Value::is_str) {
                bail!("{}: {key} is no word in quotes", place.display());
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
        let metrics = Metrics::parse(&text, score, &known)
            .map_err(|error| anyhow!("{}, {error}", place.display()))?;
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

    /// Takes what `summary.json` says of a finished run: its evaluation has more episodes.
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

    /// A text of its configuration.
    #[must_use]
    pub fn word(&self, key: &str) -> &str {
        self.config.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Decisions that it is to make, where it says so.
    #[must_use]
    pub fn planned(&self) -> Option<u64> {
        self.config.get("decisions").and_then(Value::as_integer).map(i64::cast_unsigned)
    }
}

/// What `metrics.csv` says.
#[derive(Debug, Default)]
struct Metrics {
    seeds: BTreeMap<u64, SeedRecord>,
    phases: Vec<(String, f64)>,
    seconds: f64,
}

impl Metrics {
    fn parse(text: &str, score: Score, known: &[u64]) -> Result<Self> {
        let mut lines = text.lines().enumerate();
        let Some((_, header)) = lines.next() else { return Ok(Self::default()) };
        let columns: Vec<&str> = header.split(',').map(str::trim).collect();
        let column = |name: &str| columns.iter().position(|column| *column == name);
        let decisions = column("decisions").context("line 1: no column decisions")?;
        let (seed, score) = (column("seed"), column(score.column()));
        let iteration = column("iteration");
        let phases: Vec<(usize, String)> = columns
            .iter()
            .enumerate()
            .filter_map(|(place, name)| Some((place, name.strip_prefix("seconds_")?.to_owned())))
            .collect();
        let mut metrics = Self {
            phases: phases.iter().map(|(_, name)| (name.clone(), 0.0)).collect(),
            ..Self::default()
        };
        // Times stand in the line of every seed, and are those of all seeds together.
        let mut timed = None;
        let last = text.lines().count();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 1;
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            if cells.len() != columns.len() {
                // Cut off in the middle of writing; what is whole is used.
                if number == last && cells.len() < columns.len() {
                    break;
                }
                bail!("line {number}: {} cells, not {}", cells.len(), columns.len());
            }
            let read = |place: usize| -> Result<Option<f64>> {
                let cell = cells[place];
                if cell.is_empty() {
                    return Ok(None);
                }
                let value: f64 = cell.parse().map_err(|_| {
                    anyhow!("line {number}: {:?} under {} is no number", cell, columns[place])
                })?;
                Ok(value.is_finite().then_some(value))
            };
            let whole = |place: usize| -> Result<u64> {
                cells[place].parse().map_err(|_| {
                    anyhow!(
                        "line {number}: {:?} under {} is no whole number",
                        cells[place],
                        columns[place]
                    )
                })
            };
            let seed = match seed {
                Some(place) => whole(place)?,
                None => known.first().copied().unwrap_or(0),
            };
            let done = whole(decisions)?;
            let record = metrics.seeds.entry(seed).or_insert_with(|| SeedRecord {
                seed,
                decisions: 0,
                curve: Vec::new(),
                last: None,
            });
            // A line written twice counts once, as it was written last.
            record.curve.retain(|(x, _)| *x < done as f64);
            record.decisions = done;
            if let Some(value) = score.map(read).transpose()?.flatten() {
                record.curve.push((done as f64, value));
            }
            record.last = record.curve.last().map(|(_, value)| *value);
            let moment = iteration.map(whole).transpose()?.unwrap_or(done);
            if timed.is_none_or(|timed| moment > timed) {
                timed = Some(moment);
                for ((place, _), (_, sum)) in phases.iter().zip(&mut metrics.phases) {
                    *sum += read(*place)?.unwrap_or(0.0);
                }
                if let Some(place) = column("seconds") {
                    metrics.seconds += read(place)?.unwrap_or(0.0);
                }
            }
        }
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Metrics> {
        Metrics::parse(text, Score::Mean, &[7])
    }

    #[test]
    fn cells_are_found_by_the_name_of_their_column() {
        let text = "decisions,extra,seed,iteration,evaluation_return,seconds_acting,seconds\n\
                    10,x,1,1,,0.5,2\n10,x,2,1,5,0.5,2\n20,x,1,2,3.5,0.25,1\n20,x,2,2,NaN,0.25,1\n";
        let metrics = parse(text).unwrap();
        assert_eq!(metrics.seeds[&1].curve, [(20.0, 3.5)]);
        assert_eq!((metrics.seeds[&2].last, metrics.seeds[&2].decisions), (Some(5.0), 20));
        // Every iteration's times once, not once a seed.
        assert_eq!(
            (metrics.phases[0].clone(), metrics.seconds),
            (("acting".to_owned(), 0.75), 3.0)
        );
    }

    #[test]
    fn files_of_one_seed_cut_lines_and_lines_written_again_are_read() {
        let text = "iteration,decisions,evaluation_return\n1,10,1\n2,20,2\n3,30,3\n2,20,4\n3,3";
        let metrics = parse(text).unwrap();
        assert_eq!(metrics.seeds.keys().collect::<Vec<_>>(), [&7]);
        assert_eq!(metrics.seeds[&7].curve, [(10.0, 1.0), (20.0, 4.0)]);
        assert!(parse("").unwrap().seeds.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let message = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(message("a,b\n"), "line 1: no column decisions");
        assert_eq!(message("decisions,b\n1\n2,2\n"), "line 2: 1 cells, not 2");
        assert!(
            message("decisions,evaluation_return\nten,2\n")
                .contains("line 2: \"ten\" under decisions")
        );
        assert!(
            message("decisions,evaluation_return\n1,high\n")
                .contains("\"high\" under evaluation_return")
        );
    }

    #[test]
    fn numbers_in_names_sort_as_numbers() {
        let mut names = ["run-10", "run-9", "a", "run-9-b"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a", "run-9", "run-9-b", "run-10"]);
    }
}
