//! Runs as TensorBoard's event files.

use super::record::{find, read};
use super::study::Source;
use anyhow::Result;
use daa_trainer::run::sinks::tensorboard::{EventFile, scalars};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes everything that `metrics.csv` says, a folder for each run and seed, and gives the folders.
/// Steps are decisions; times are the seconds of training, from 0, so that the same run gives the
/// same files.
///
/// # Errors
/// When a source holds no run, or a file cannot be read or written.
pub fn write_events(sources: &[Source], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written: BTreeMap<PathBuf, EventFile> = BTreeMap::new();
    for source in sources {
        for (number, run) in find(&source.path)?.iter().enumerate() {
            let metrics = run.join("metrics.csv");
            let text = if metrics.exists() { read(&metrics)? } else { String::new() };
            let name = name_of(run, &source.path, source.name.as_deref(), number);
            let mut lines = text.lines();
            let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
            let place = |name: &str| columns.iter().position(|column| *column == name);
            let mut clocks: BTreeMap<String, f64> = BTreeMap::new();
            for line in lines {
                let cells: Vec<&str> = line.split(',').collect();
                let cell = |name: &str| place(name).and_then(|place| cells.get(place)).copied();
                let step = cell("decisions").and_then(|cell| cell.parse().ok());
                let (Some(step), true) = (step, cells.len() == columns.len()) else { continue };
                let name = match cell("seed") {
                    Some(seed) => name.join(format!("seed-{}", seed.parse::<u64>().unwrap_or(0))),
                    None => name.clone(),
                };
                let clock = clocks.entry(cell("seed").unwrap_or_default().to_owned()).or_default();
                *clock += cell("seconds").and_then(|cell| cell.parse::<f64>().ok()).unwrap_or(0.0);
                let place = folder.join(name);
                if !written.contains_key(&place) {
                    written.insert(place.clone(), EventFile::create(&place, 0.0)?);
                }
                if let Some(file) = written.get_mut(&place) {
                    file.append(*clock, step, &scalars(&columns, &cells))?;
                }
            }
        }
    }
    Ok(written.into_keys().collect())
}

/// A run's folder below the one asked for: its path below its source, under the source's name.
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
