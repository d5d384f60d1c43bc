//! What came out of an experiment, beside what the paper says.

use super::Experiment;
use crate::report::{Analysis, Options, Score, Source, Study};
use crate::stats::Estimate;
use crate::study::jobs::Job;
use anyhow::{Context, Result, bail};
use daa_envs::files::write_atomically;
use daa_envs::output;
use std::path::Path;

/// Writes `report.html`, `report.md`, `report.csv` and the charts of the runs that there are.
pub(super) fn write(experiment: &Experiment, jobs: &[Job], out: &Path) -> Result<()> {
    let begun = jobs.iter().filter(|job| job.directory.join("metrics.csv").exists());
    let sources: Vec<Source> = begun
        .map(|job| Source { name: Some(job.arm.clone()), path: job.directory.clone() })
        .collect();
    if sources.is_empty() {
        bail!("{} holds no run of this experiment yet", out.display());
    }
    let study = Study::read(&sources, Score::Mean)?;
    let options = Options {
        title: experiment.title.clone(),
        intro: vec![format!("What is claimed: {}.", experiment.claim)],
        baseline: experiment.arms.first().map(|arm| arm.name.clone()),
        ..Options::default()
    };
    let mut analysis = Analysis::new(study, options)?;
    let seen = seen(&analysis);
    analysis.options.intro.push(format!("What was seen: {seen}"));
    let charts = out.join("charts");
    std::fs::create_dir_all(&charts)
        .with_context(|| format!("cannot make {}", charts.display()))?;
    for (name, chart) in analysis.charts() {
        write_atomically(&charts.join(format!("{name}.svg")), chart.svg(true).as_bytes())?;
    }
    let page = analysis.html(&[], &[]);
    for (file, text) in
        [("report.html", page), ("report.md", analysis.markdown()), ("report.csv", analysis.csv())]
    {
        write_atomically(&out.join(file), text.as_bytes())?;
    }
    for note in &analysis.study.notes {
        eprintln!("note: {note}");
    }
    output::line(seen)?;
    output::line(format!("report {}", out.join("report.html").display()))?;
    Ok(())
}

/// One sentence a task: the arms from the best to the worst, with their intervals.
fn seen(analysis: &Analysis) -> String {
    let sentence = |(task, outcomes): (&String, &Vec<_>)| {
        let arms = analysis.study.arms.iter().zip(outcomes);
        let mut arms: Vec<(&str, Estimate, usize)> = arms
            .filter_map(|(arm, outcome): (_, &Option<crate::report::Outcome>)| {
                outcome.as_ref().map(|o| (arm.name.as_str(), o.centre, o.seeds.len()))
            })
            .collect();
        arms.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
        let seeds = arms.iter().map(|(.., seeds)| *seeds).min().unwrap_or(0);
        let arms: Vec<String> = arms
            .iter()
            .map(|(name, Estimate { value, interval }, _)| match interval {
                Some([low, high]) => format!("{name} {value:.0} ({low:.0} to {high:.0})"),
                None => format!("{name} {value:.0}"),
            })
            .collect();
        format!("{task}, {seeds} seeds: {}.", arms.join(", "))
    };
    analysis.study.tasks.iter().zip(&analysis.results).map(sentence).collect::<Vec<_>>().join(" ")
}
