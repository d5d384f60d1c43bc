//! Runs as TensorBoard's event files.

use super::runs::{Source, find, read};
use crate::csv_file::CsvFile;
use anyhow::{Context, Result};
use daa_trainer::run::sinks::tensorboard::{EventFile, scalars};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes all columns of `metrics.csv` as event files, a folder for each run and seed, and returns the folders.
/// Steps are decisions, and times are seconds of training from 0, so that the same run gives the same files.
///
/// # Errors
/// When a source contains no run, or a file cannot be read or written.
pub fn write_events(sources: &[Source], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written: BTreeMap<PathBuf, EventFile> = BTreeMap::new();
    for source in sources {
        for (number, run) in find(&source.path)?.iter().enumerate() {
            let metrics = run.join("metrics.csv");
            let text = if metrics.exists() { read(&metrics)? } else { String::new() };
            let name = name_of(run, &source.path, source.name.as_deref(), number);
            let file = CsvFile::parse(&text).with_context(|| metrics.display().to_string())?;
            let mut clocks: BTreeMap<&str, f64> = BTreeMap::new();
            for row in file.rows() {
                let Ok(step) = row.number("decisions") else { continue };
                let name = match row.number::<u64>("seed") {
                    Ok(seed) => name.join(format!("seed-{seed}")),
                    Err(_) => name.clone(),
                };
                let clock = clocks.entry(row.get("seed").unwrap_or_default()).or_default();
                *clock += row.number("seconds").unwrap_or(0.0);
                let place = folder.join(name);
                if !written.contains_key(&place) {
                    written.insert(place.clone(), EventFile::create(&place, 0.0)?);
                }
                if let Some(events) = written.get_mut(&place) {
                    events.append(*clock, step, &scalars(&file.columns(), &row.cells()))?;
                }
            }
        }
    }
    Ok(written.into_keys().collect())
}

/// Folder of a run: the name of its source, and the path of the run below the source.
fn name_of(run: &Path, source: &Path, name: Option<&str>, number: usize) -> PathBuf {
    let below = run.strip_prefix(source).unwrap_or(Path::new(""));
    let own = source.file_name().map_or_else(|| format!("run-{number}").into(), ToOwned::to_owned);
    let plain = |name: &str| name.replace(['/', '\\'], "-").replace("..", "-");
    name.map_or_else(|| PathBuf::from(own), |name| PathBuf::from(plain(name))).join(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_keep_their_names_and_no_name_leads_out() {
        let name = |run: &str, source: &str, name| {
            name_of(Path::new(run), Path::new(source), name, 3).to_string_lossy().into_owned()
        };
        assert_eq!(name("runs/a", "runs", None), "runs/a");
        assert_eq!(name("runs/a", "runs/a", None), "a/");
        assert_eq!(name("runs/a", "runs", Some("../x")), "--x/a");
        assert_eq!(name("./a", ".", None), "run-3/a");
    }
}
