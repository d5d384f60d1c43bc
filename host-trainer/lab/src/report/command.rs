//! A whole report: the page and the other files that are asked for, and the final scores on standard output.

use super::advice;
use super::analysis::{Analysis, Options};
use super::curves::Centre;
use super::events::write_events;
use super::pictures;
use super::runs::{Score, Source, Study};
use super::tables::with_interval;
use crate::stats::Bootstrap;
use anyhow::{Context, Result, bail};
use daa_envs::files::write_atomically;
use daa_envs::output;
use std::fs;
use std::path::{Path, PathBuf};

/// The runs of a report, and the files to write.
#[derive(Clone, Debug)]
pub struct Request {
    /// Runs, and the names of their arms.
    pub sources: Vec<Source>,
    /// HTML page; none: `report.html`, unless another file is asked for.
    pub output: Option<PathBuf>,
    /// Folder for an SVG file of each chart.
    pub svg: Option<PathBuf>,
    /// CSV file of the curves and final scores.
    pub csv: Option<PathBuf>,
    /// Markdown file of the tables.
    pub markdown: Option<PathBuf>,
    /// Folder for TensorBoard event files of all metrics.
    pub tensorboard: Option<PathBuf>,
    /// Heading.
    pub title: String,
    /// Return that is the score.
    pub score: Score,
    /// Statistic over seeds.
    pub centre: Centre,
    /// Number of decisions at which arms are compared; none: after the last update.
    pub at: Option<u64>,
    /// Name of the arm with which the others are compared; none: the first arm that is PPO.
    pub baseline: Option<String>,
    /// Whether the page shows an animation of each arm and task.
    pub pictures: bool,
    /// Number of bootstrap resamples.
    pub resamples: u32,
}

/// Writes the files that are asked for and prints the final scores.
///
/// # Errors
/// One line: a source without a run, or a file that cannot be read or written.
pub fn report(request: &Request) -> Result<()> {
    for file in [&request.output, &request.csv, &request.markdown].into_iter().flatten() {
        check_folder(file)?;
    }
    let study = Study::read(&request.sources, request.score)?;
    let options = Options {
        title: request.title.clone(),
        intro: Vec::new(),
        score: request.score,
        centre: request.centre,
        at: request.at,
        baseline: request.baseline.clone(),
        bootstrap: Bootstrap { resamples: request.resamples as usize, ..Bootstrap::default() },
    };
    let analysis = Analysis::new(study, options)?;
    let mut written: Vec<PathBuf> = Vec::new();
    if let Some(folder) = &request.svg {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, chart) in analysis.charts() {
            written.push(write(&folder.join(file_name(&name)), &chart.svg(true))?);
        }
    }
    if let Some(file) = &request.csv {
        written.push(write(file, &analysis.csv())?);
    }
    if let Some(file) = &request.markdown {
        written.push(write(file, &analysis.markdown())?);
    }
    if let Some(folder) = &request.tensorboard {
        written.extend(write_events(&request.sources, folder)?);
    }
    let advice = advice::collect(&analysis.study)?;
    let other = [&request.svg, &request.csv, &request.markdown, &request.tensorboard]
        .into_iter()
        .any(Option::is_some);
    let page = request.output.clone().or_else(|| (!other).then(|| PathBuf::from("report.html")));
    if let Some(file) = &page {
        let pictures = pictures::collect(&analysis.study, request.pictures)?;
        written.push(write(file, &analysis.html(&pictures, advice::section(&advice).as_slice()))?);
    }
    for note in &analysis.study.notes {
        eprintln!("note: {note}");
    }
    for (task, outcomes) in analysis.results.iter().enumerate() {
        for (arm, outcome) in outcomes.iter().enumerate() {
            let Some(outcome) = outcome else { continue };
            let (task, name) = (&analysis.study.tasks[task], &analysis.study.arms[arm].name);
            let seeds = outcome.seeds.len();
            let centre = with_interval(outcome.centre);
            output::line(format!("{task:<24} {name:<28} {centre:>24}  seeds {seeds}"))?;
        }
    }
    for run in &advice {
        output::line(run.line())?;
    }
    for file in written {
        output::line(file.display())?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<PathBuf> {
    write_atomically(file, text.as_bytes())?;
    Ok(file.to_owned())
}

/// File name of a chart. Tasks of users may have any name.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    format!("{}.svg", name.chars().map(plain).collect::<String>())
}

/// Checks that the folder of a file exists, so that a mistake is found before the work.
fn check_folder(file: &Path) -> Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            bail!("cannot write {}: there is no folder {}", file.display(), folder.display())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        assert_eq!(file_name("learning-curve-../../x y"), "learning-curve-..-..-x-y.svg");
    }
}
