//! The run directory.
//!
//! | file | what |
//! |---|---|
//! | `config.toml` | the resolved configuration |
//! | `task/` | copies of the files of a task of the user's own |
//! | `metrics.csv` | one line an iteration and seed |
//! | `checkpoints/ITERATION/` | weights (safetensors) and everything else a run is |
//! | `policy.daa`, `policy-SEED.daa` | the exported images of the first and of other seeds, once there are any |
//! | `summary.json` | the last line of `train --json` |

use super::metrics::Metrics;
use crate::config::Config;
use crate::task::replay::Request;
use crate::task::{self, Divergence};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A directory that holds one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// Makes the directory of a new run: `path`, or the next free one below `runs/`.
    ///
    /// # Errors
    /// When `path` already holds something, or cannot be written to.
    pub fn create(path: Option<&Path>, config: &Config) -> Result<Self> {
        let path = match path {
            Some(path) => {
                Self::make(path)?;
                path.to_owned()
            }
            None => Self::next_free(config)?,
        };
        let directory = Self { path };
        let text = toml::to_string(config).context("writing the configuration")?;
        write_atomically(&directory.config(), text.as_bytes())?;
        write_atomically(
            &directory.metrics(),
            format!("{}\n", Metrics::COLUMNS.join(",")).as_bytes(),
        )?;
        Ok(directory)
    }

    fn make(path: &Path) -> Result<()> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        match fs::create_dir(path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
                if empty {
                    return Ok(());
                }
                let place = path.display();
                if path.join("config.toml").exists() && !path.join("checkpoints").exists() {
                    bail!(
                        "{place} holds a run that saved nothing: delete it, or choose another --run-dir"
                    );
                }
                if path.join("config.toml").exists() {
                    bail!(
                        "{place} already holds a run: choose another --run-dir, or go on with it: host-trainer train --resume {place}"
                    );
                }
                bail!("{place} is not empty and holds no run: choose another --run-dir");
            }
            Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
        }
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
        bail!("the folder runs is full: delete old runs or choose a --run-dir")
    }

    /// The directory of a run that exists, and its configuration.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn open(path: &Path) -> Result<(Self, Config)> {
        let directory = Self { path: path.to_owned() };
        let place = directory.config();
        let text = fs::read_to_string(&place).with_context(|| {
            format!("{} is no run: cannot read {}", path.display(), place.display())
        })?;
        let config: Config = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {}", place.display(), error.message()))?;
        task::find_near(&config.task, path)?;
        config.check()?;
        Ok((directory, config))
    }

    /// Where it is.
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

    /// Where checkpoints are.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Where the exported image is.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.path.join("policy.daa")
    }

    /// Where the image of another seed than the first is.
    #[must_use]
    pub fn image_of(&self, seed: u64) -> PathBuf {
        self.path.join(format!("policy-{seed}.daa"))
    }

    /// Where the summary is.
    #[must_use]
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Adds an iteration, a line for each seed, to `metrics.csv`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, seeds: &[Metrics]) -> Result<()> {
        let place = self.metrics();
        let mut file = File::options()
            .append(true)
            .open(&place)
            .with_context(|| format!("cannot open {}", place.display()))?;
        let lines: String = seeds.iter().map(|metrics| metrics.csv() + "\n").collect();
        file.write_all(lines.as_bytes())
            .with_context(|| format!("cannot write {}", place.display()))
    }

    /// Saves the decision in which a simulation diverged, as a request that `replay` takes.
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

    /// Drops the lines of `metrics.csv` after an iteration: they will be made again.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn rewind_metrics(&self, iteration: u64) -> Result<()> {
        let place = self.metrics();
        let text = fs::read_to_string(&place)
            .with_context(|| format!("cannot read {}", place.display()))?;
        let kept =
            text.lines().filter(|line| match line.split(',').next().map(str::parse::<u64>) {
                Some(Ok(number)) => number <= iteration,
                _ => true,
            });
        let text: String = kept.flat_map(|line| [line, "\n"]).collect();
        write_atomically(&place, text.as_bytes())
    }
}

/// Replaces a file whole: written beside it, synced, renamed. A full disk or a killed process leaves
/// the old one.
///
/// # Errors
/// With the file's name.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    // Renaming over a device, a pipe or a link would replace it by a file.
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    if path.exists() && !path.is_file() {
        bail!("cannot write {}: it is no regular file", path.display());
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = folder.join(beside);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if let Err(error) = written {
        // Nothing of use is lost: the file beside was never the user's.
        let _ = fs::remove_file(&beside);
        return Err(error).with_context(|| format!("cannot write {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_a_run_is_refused_and_an_empty_one_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let config = Config::default();
        let directory = RunDirectory::create(Some(&path), &config).unwrap();
        let error = RunDirectory::create(Some(&path), &config).unwrap_err().to_string();
        assert!(error.contains("saved nothing") && !error.contains("--resume"), "{error}");
        fs::create_dir(directory.checkpoints()).unwrap();
        let error = RunDirectory::create(Some(&path), &config).unwrap_err().to_string();
        assert!(error.contains("already holds a run") && error.contains("--resume"), "{error}");
        assert_eq!(RunDirectory::open(&path).unwrap().1, config);

        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        RunDirectory::create(Some(&other), &config).unwrap();
        let full = folder.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("thesis.tex"), "x").unwrap();
        let error = RunDirectory::create(Some(&full), &config).unwrap_err().to_string();
        assert!(error.contains("holds no run"), "{error}");
        assert!(
            RunDirectory::open(&folder.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("is no run")
        );
    }

    #[test]
    fn metrics_are_rewound_to_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let directory =
            RunDirectory::create(Some(&folder.path().join("r")), &Config::default()).unwrap();
        for iteration in 1..=5 {
            directory.append(&[Metrics { iteration, ..Metrics::default() }]).unwrap();
        }
        directory.rewind_metrics(3).unwrap();
        let text = fs::read_to_string(directory.metrics()).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert!(text.starts_with("iteration,") && text.lines().last().unwrap().starts_with("3,"));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let blocked = folder.path().join("folder");
        fs::create_dir_all(blocked.join("inside")).unwrap();
        assert!(write_atomically(&blocked, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
