//! `host-trainer report`.

use anyhow::Result;
use daa_lab::report::{Centre, Request, Score, Source, report};
use std::path::PathBuf;
use std::process::ExitCode;

/// Put runs together: learning curves, scores and comparisons over seeds, as one page
#[derive(clap::Args, Debug)]
pub(crate) struct Report {
    /// Run directories, finished or not, or folders that contain some. NAME=PATH names an arm; other runs
    /// are grouped and named by their configuration
    #[arg(value_name = "[NAME=]RUN|DIR", required = true)]
    sources: Vec<Source>,
    /// HTML page [default: report.html, unless another file is asked for]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder for an SVG file of each chart
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// CSV file of the curves and the final scores, with intervals
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Markdown file of the tables
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Folder for all metrics as event files: tensorboard --logdir DIR
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Heading of the page
    #[arg(long, default_value = "Runs")]
    title: String,
    /// Return that is the score
    #[arg(long, value_enum, default_value_t)]
    score: Score,
    /// Statistic over seeds
    #[arg(long, value_enum, default_value_t)]
    centre: Centre,
    /// Compare after this number of decisions instead of after the last update
    #[arg(long, value_name = "DECISIONS", value_parser = clap::value_parser!(u64).range(1..))]
    at: Option<u64>,
    /// Arm with which the others are compared [default: the first arm that is PPO]
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Show an animation of a policy of each arm and task (it is kept in the run directory as policy.gif)
    #[arg(long)]
    pictures: bool,
    /// Number of bootstrap resamples
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    resamples: u32,
}

impl Report {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        report(&Request {
            sources: self.sources,
            output: self.output,
            svg: self.svg,
            csv: self.csv,
            markdown: self.markdown,
            tensorboard: self.tensorboard,
            title: self.title,
            score: self.score,
            centre: self.centre,
            at: self.at,
            baseline: self.baseline,
            pictures: self.pictures,
            resamples: self.resamples,
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
