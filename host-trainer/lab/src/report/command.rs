//! `host-trainer report`.

use super::advice;
use super::analysis::{Analysis, Options};
use super::curves::Centre;
use super::events::write_events;
use super::pictures;
use super::record::Score;
use super::study::{Source, Study};
use super::tables::with_interval;
use crate::stats::Bootstrap;
use anyhow::{Context, Result, bail};
use daa_envs::files::write_atomically;
use daa_envs::output;
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `host-trainer report`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Run directories, or folders that hold some, finished or not; NAME=PATH calls them NAME,
    /// otherwise runs are put together and named by their configuration
    #[arg(value_name = "[NAME=]RUN|DIR", required = true)]
    pub sources: Vec<Source>,
    /// The page [default: report.html, unless another file is asked for]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Every chart as an SVG of its own
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Points of the curves and final scores with their intervals
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The tables
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Everything in metrics.csv as TensorBoard's event files: tensorboard --logdir DIR
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,
    /// Heading
    #[arg(long, default_value = "Runs")]
    pub title: String,
    /// Which return is the score
    #[arg(long, value_enum, default_value_t)]
    pub score: Score,
    /// Statistic over seeds
    #[arg(long, value_enum, default_value_t)]
    pub centre: Centre,
    /// Compare at so many decisions instead of after the last update
    #[arg(long, value_name = "DECISIONS", value_parser = clap::value_parser!(u64).range(1..))]
    pub at: Option<u64>,
    /// The arm that the others are compared with [default: the first of PPO]
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,
    /// Draw a policy of each arm and task at work (kept in the run directory as policy.gif)
    #[arg(long)]
    pub pictures: bool,
    /// Bootstrap resamples
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub resamples: u32,
}

/// Writes what is asked for and prints the final scores.
///
/// # Errors
/// One line: a source that holds no run, a file that cannot be read or written.
pub fn report(args: &Args) -> Result<()> {
    for file in [&args.output, &args.csv, &args.markdown].into_iter().flatten() {
        check_folder(file)?;
    }
    let study = Study::read(&args.sources, args.score)?;
    let options = Options {
        title: args.title.clone(),
        intro: Vec::new(),
        score: args.score,
        centre: args.centre,
        at: args.at,
        baseline: args.baseline.clone(),
        bootstrap: Bootstrap { resamples: args.resamples as usize, ..Bootstrap::default() },
    };
    let analysis = Analysis::new(study, options)?;
    let mut written: Vec<PathBuf> = Vec::new();
    if let Some(folder) = &args.svg {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, chart) in analysis.charts() {
            written.push(write(&folder.join(file_name(&name)), &chart.svg(true))?);
        }
    }
    if let Some(file) = &args.csv {
        written.push(write(file, &analysis.csv())?);
    }
    if let Some(file) = &args.markdown {
        written.push(write(file, &analysis.markdown())?);
    }
    if let Some(folder) = &args.tensorboard {
        written.extend(write_events(&args.sources, folder)?);
    }
    let advice = advice::collect(&analysis.study)?;
    let other =
        [&args.svg, &args.csv, &args.markdown, &args.tensorboard].into_iter().any(Option::is_some);
    let page = args.output.clone().or_else(|| (!other).then(|| PathBuf::from("report.html")));
    if let Some(file) = &page {
        let pictures = pictures::collect(&analysis.study, args.pictures)?;
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

/// A chart's file; a task of one's own may be called anything.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    format!("{}.svg", name.chars().map(plain).collect::<String>())
}

/// Fails before the work, not after it, where a file has no place.
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
