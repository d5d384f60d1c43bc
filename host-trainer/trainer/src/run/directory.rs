//! The run directory: all files of one training run.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the resolved configuration |
//! | `task/` | copies of the files of a custom task |
//! | `metrics.csv` | one line per iteration and seed, equal in every run of the same configuration |
//! | `times.csv` | one line per iteration: seconds spent in each phase |
//! | `advice.csv` | with `--advise` or `--auto`: the advisor's verdicts and the number of actions it chose |
//! | `tensorboard/seed-SEED/` | the metrics as TensorBoard event files |
//! | `lock` | the process that writes into this directory, as long as it runs |
//! | `checkpoints/ITERATION/` | weights (safetensors) and the remaining state of the run |
//! | `policy.daa`, `policy-SEED.daa` | the exported images of the first seed and of other seeds |
//! | `summary.json` | the last line of `train --json` |

use crate::advisor::advice::FILE as ADVICE;
use crate::config::{Config, read_resolved};
use crate::metrics::Metrics;
use anyhow::{Context, Result, bail};
use daa_envs::files::write_atomically;
use daa_envs::files::{RECORDED, WRITTEN, read_text};
use daa_envs::replay::Request;
use daa_envs::{self as task, Divergence};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A directory that holds one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// Returns the directory for a run: `path`, created if it is missing, or the next free folder below `runs/`.
    ///
    /// # Errors
    /// When the folder cannot be created, or holds files that do not belong to a run.
    pub fn claim(path: Option<&Path>, config: &Config) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { path: Self::next_free(config)? }) };
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let directory = Self { path: path.to_owned() };
        let entries = fs::read_dir(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .flatten()
            .map(|entry| entry.file_name());
        // Files of a run that was killed while it began.
        let ours = |name: &std::ffi::OsString| {
            name == "lock"
                || name == "task"
                || name.to_str().is_some_and(|name| name.starts_with(".config.toml."))
        };
        if !directory.holds_run() && entries.into_iter().any(|name| !ours(&name)) {
            bail!(
                "{} is not empty and does not hold a run: choose another --run-dir",
                path.display()
            );
        }
        Ok(directory)
    }

    /// Starts a run: writes the configuration and empty metrics files.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn begin(&self, config: &Config) -> Result<()> {
        let text = toml::to_string(config).context("writing the configuration")?;
        self.clear_metrics()?;
        if let Some(source) = config.find_task()?.source() {
            source.copy_to(&self.path.join("task"))?;
        }
        write_atomically(&self.config(), text.as_bytes())
    }

    /// Whether the directory holds a run, that is, a configuration.
    #[must_use]
    pub fn holds_run(&self) -> bool {
        self.config().exists()
    }

    /// Whether the run is finished, that is, has a summary.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.summary().exists()
    }

    /// Deletes the unfinished files and checkpoints of a killed process: those still named `.NAME.PID`, before
    /// their final rename. The caller must hold the lock.
    pub fn remove_leftovers(&self) {
        for folder in [self.path.clone(), self.checkpoints()] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let unfinished =
                    name.to_str().and_then(|name| name.strip_prefix('.')?.rsplit_once('.'));
                if unfinished.is_some_and(|(_, pid)| pid.parse::<u32>().is_ok()) {
                    // A leftover that cannot be deleted only costs disk space.
                    let _ =
                        fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
                }
            }
        }
    }

    /// The newest unfinished run below `runs/` with this configuration, or `None`.
    #[must_use]
    pub fn unfinished(config: &Config) -> Option<Self> {
        let entries = fs::read_dir("runs").ok()?.flatten();
        let found = entries.filter_map(|entry| {
            let (directory, other) = Self::open(&entry.path()).ok()?;
            let begun = entry.metadata().ok()?.modified().ok()?;
            let same = other.differences(config).is_empty() && !directory.is_finished();
            same.then_some((begun, directory))
        });
        found.max_by_key(|(begun, _)| *begun).map(|(_, directory)| directory)
    }

    fn next_free(config: &Config) -> Result<PathBuf> {
        let runs = Path::new("runs");
        fs::create_dir_all(runs).context("cannot make the folder runs")?;
        for number in 1..100_000 {
            let path = runs.join(format!("{}-{}-{number}", config.short_task(), config.preset));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make {}", path.display()));
                }
            }
        }
        bail!(
            "the folder runs has no free number for this task and preset: delete old runs or choose a --run-dir"
        )
    }

    /// Returns the directory of an existing run and its configuration.
    ///
    /// # Errors
    /// When `path` is not a run directory, or its configuration cannot be read or is invalid.
    pub fn open(path: &Path) -> Result<(Self, Config)> {
        let directory = Self { path: path.to_owned() };
        let place = directory.config();
        let text = read_text(&place, WRITTEN).with_context(|| {
            format!("{} is not a run directory: cannot read {}", path.display(), place.display())
        })?;
        let config = read_resolved(&text, &place.display().to_string()).map_err(|error| {
            anyhow::anyhow!("{error}: the run was made by another version of this program")
        })?;
        task::find_near(&config.task, path)?;
        config.check().with_context(|| place.display().to_string())?;
        Ok((directory, config))
    }

    /// Path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    fn times(&self) -> PathBuf {
        self.path.join("times.csv")
    }

    /// Path of the folder of TensorBoard event files.
    #[must_use]
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// Path of the lock file.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Path of the folder of checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Path of the exported image of the first seed.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.path.join("policy.daa")
    }

    /// Path of the exported image of `seed`, a seed other than the first.
    #[must_use]
    pub fn image_of(&self, seed: u64) -> PathBuf {
        self.path.join(format!("policy-{seed}.daa"))
    }

    /// Path of the summary.
    #[must_use]
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Writes `metrics.csv` and `times.csv` anew, with their header lines only.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn clear_metrics(&self) -> Result<()> {
        let head = |columns: Vec<String>| columns.join(",") + "\n";
        write_atomically(&self.metrics(), head(Metrics::columns()).as_bytes())?;
        write_atomically(&self.times(), head(Metrics::time_columns()).as_bytes())
    }

    /// Appends an iteration: one line per seed to `metrics.csv` and one line to `times.csv`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn append(&self, seeds: &[Metrics]) -> Result<()> {
        let lines: String = seeds.iter().map(|seed| seed.cells().join(",") + "\n").collect();
        append(&self.metrics(), &lines)?;
        // Times are measured for all seeds together, so every seed holds the same ones.
        let Some(first) = seeds.first() else { return Ok(()) };
        append(&self.times(), &(first.time_cells().join(",") + "\n"))
    }

    /// Syncs `metrics.csv` and `times.csv` to the disk.
    ///
    /// # Errors
    /// When a file cannot be opened or synced.
    pub fn sync_metrics(&self) -> Result<()> {
        let advice = Some(self.path.join(ADVICE)).filter(|place| place.exists());
        for place in [self.metrics(), self.times()].into_iter().chain(advice) {
            File::open(&place)
                .and_then(|file| file.sync_all())
                .with_context(|| format!("cannot write {}", place.display()))?;
        }
        Ok(())
    }

    /// Wall-clock time of all iterations so far, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let text = read_text(&self.times(), RECORDED).unwrap_or_default();
        let second = |line: &str| line.split(',').nth(2)?.parse::<f64>().ok();
        text.lines().skip(1).filter_map(second).sum()
    }

    /// Saves the decision in which a simulation diverged as a request for the command `replay`, and returns the
    /// path of the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_divergence(&self, divergence: &Divergence, repeat: u32) -> Result<PathBuf> {
        let folder = self.path.join("diverged");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let number = fs::read_dir(&folder).map_or(0, Iterator::count);
        let file = folder.join(format!("{number}.json"));
        let request = Request::of_divergence(divergence, repeat);
        write_atomically(&file, serde_json::to_string(&request)?.as_bytes())?;
        Ok(file)
    }

    /// Removes the lines after `iteration` and an incomplete last line from `metrics.csv` and `times.csv`. The
    /// resumed run writes these lines again.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn rewind_metrics(&self, iteration: u64) -> Result<()> {
        for (place, columns) in [
            (self.metrics(), Metrics::columns().len()),
            (self.times(), Metrics::time_columns().len()),
        ] {
            let text = read_text(&place, RECORDED)
                .with_context(|| format!("cannot read {}", place.display()))?;
            let whole = |line: &&str| line.ends_with('\n') && line.split(',').count() == columns;
            let kept = text.split_inclusive('\n').filter(whole).filter(|line| {
                match line.split(',').next().map(str::parse::<u64>) {
                    Some(Ok(number)) => number <= iteration,
                    _ => true,
                }
            });
            write_atomically(&place, kept.collect::<String>().as_bytes())?;
        }
        Ok(())
    }
}

fn append(place: &Path, lines: &str) -> Result<()> {
    File::options()
        .append(true)
        .open(place)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .with_context(|| format!("cannot write {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_empty_or_a_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let config = Config::default();
        let directory = RunDirectory::claim(Some(&path), &config).unwrap();
        assert!(!directory.holds_run());
        directory.begin(&config).unwrap();
        assert!(RunDirectory::claim(Some(&path), &config).unwrap().holds_run());
        assert_eq!(RunDirectory::open(&path).unwrap().1, config);

        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        assert!(RunDirectory::claim(Some(&other), &config).is_ok());
        fs::write(other.join("lock"), "x").unwrap();
        assert!(RunDirectory::claim(Some(&other), &config).is_ok());
        fs::write(other.join("thesis.tex"), "x").unwrap();
        let error = RunDirectory::claim(Some(&other), &config).unwrap_err().to_string();
        assert!(error.contains("does not hold a run"), "{error}");
        assert!(
            RunDirectory::open(&folder.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("is not a run directory")
        );
    }

    #[test]
    fn metrics_are_rewound_to_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::default();
        let directory = RunDirectory::claim(Some(&folder.path().join("r")), &config).unwrap();
        directory.begin(&config).unwrap();
        for iteration in 1..=5 {
            directory.append(&[Metrics { iteration, ..Metrics::default() }]).unwrap();
        }
        // An incomplete line may begin with the number of an earlier iteration.
        let whole = fs::read_to_string(directory.metrics()).unwrap();
        let torn = format!("{whole}{}", whole.lines().nth(2).unwrap());
        for cut in ["1,", "12", &torn[whole.len()..]] {
            fs::write(directory.metrics(), format!("{whole}{cut}")).unwrap();
            directory.rewind_metrics(3).unwrap();
            let text = fs::read_to_string(directory.metrics()).unwrap();
            assert_eq!(text.lines().count(), 4);
            assert!(
                text.starts_with("iteration,") && text.lines().last().unwrap().starts_with("3,")
            );
            assert!(whole.starts_with(&text));
        }
    }
}
