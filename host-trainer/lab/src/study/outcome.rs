//! The report of a study: what was claimed, and what was seen.

use super::definition::Definition;
use super::job::Job;
use crate::report::{Analysis, Options, Outcome, Score, Source, Study};
use crate::stats::Estimate;
use anyhow::{Context, Result, bail};
use daa_envs::files::write_atomically;
use daa_envs::output;
use std::path::Path;

/// Fewest seeds of an arm for which a study names the best arm.
const FEWEST_SEEDS: usize = 3;

/// Writes `report.html`, `report.md`, `report.csv` and the charts of the runs that have metrics.
///
/// # Errors
/// When no run of the study was begun, or a file cannot be read or written.
pub fn write_report(definition: &Definition, jobs: &[Job], out: &Path) -> Result<()> {
    let begun = jobs.iter().filter(|job| job.directory.join("metrics.csv").exists());
    let sources: Vec<Source> = begun
        .map(|job| Source { name: Some(job.name.clone()), path: job.directory.clone() })
        .collect();
    if sources.is_empty() {
        bail!("{} holds no run of this experiment yet", out.display());
    }
    let study = Study::read(&sources, Score::Mean)?;
    let options = Options {
        title: definition.title.clone(),
        intro: vec![format!("What is claimed: {}.", definition.claim)],
        baseline: definition.arms.first().map(|arm| arm.name.clone()),
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

/// One arm on one task.
#[derive(Clone, Copy, Debug)]
struct Scored<'a> {
    name: &'a str,
    centre: Estimate,
    seeds: usize,
}

/// One sentence for each task.
fn seen(analysis: &Analysis) -> String {
    let arms = &analysis.study.arms;
    let sentence = |(task, outcomes): (&String, &Vec<Option<Outcome>>)| {
        let scored = arms.iter().zip(outcomes).filter_map(|(arm, outcome)| {
            let outcome = outcome.as_ref()?;
            Some(Scored { name: &arm.name, centre: outcome.centre, seeds: outcome.seeds.len() })
        });
        compared(task, scored.collect())
    };
    let sentences = analysis.study.tasks.iter().zip(&analysis.results).map(sentence);
    sentences.collect::<Vec<_>>().join(" ")
}

/// The scores of the arms on a task with their intervals, from the highest to the lowest, and whether one arm is
/// the best. With few seeds no order is given.
fn compared(task: &str, mut arms: Vec<Scored<'_>>) -> String {
    let seeds = arms.iter().map(|arm| arm.seeds).min().unwrap_or(0);
    let few = seeds < FEWEST_SEEDS;
    if !few {
        arms.sort_by(|a, b| b.centre.value.total_cmp(&a.centre.value));
    }
    let words: Vec<String> = arms
        .iter()
        .map(|Scored { name, centre: Estimate { value, interval }, .. }| match interval {
            Some([low, high]) => format!("{name} {value:.0} ({low:.0} to {high:.0})"),
            None => format!("{name} {value:.0}"),
        })
        .collect();
    let verdict = match arms.as_slice() {
        [_, _, ..] if few => {
            format!("; with fewer than {FEWEST_SEEDS} seeds no arm can be called the best")
        }
        [best, others @ ..] if !others.is_empty() => {
            let beaten = others.iter().all(|other| other.centre.ends()[1] < best.centre.ends()[0]);
            if beaten {
                format!("; {} is the best, above the intervals of the others", best.name)
            } else {
                "; the intervals overlap, so no arm is clearly the best".to_owned()
            }
        }
        _ => String::new(),
    };
    format!("{task}, {seeds} seeds: {}{verdict}.", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_the_best_with_enough_seeds_and_an_interval_above_the_others() {
        let arms = |seeds, high| {
            let arm = |name, value, interval| Scored {
                name,
                centre: Estimate { value, interval: Some(interval) },
                seeds,
            };
            let arms = vec![arm("A", 100.0, [90.0, high]), arm("B", 200.0, [190.0, 220.0])];
            compared("t", arms)
        };
        let clear = arms(3, 110.0);
        assert!(clear.starts_with("t, 3 seeds: B 200 (190 to 220), A 100"), "{clear}");
        assert!(clear.contains("B is the best"), "{clear}");
        assert!(arms(3, 195.0).contains("no arm is clearly the best"));
        let few = arms(2, 110.0);
        assert!(few.starts_with("t, 2 seeds: A 100"), "{few}");
        assert!(few.contains("with fewer than 3 seeds no arm can be called the best"), "{few}");
        assert!(!few.contains("is the best"), "{few}");
    }
}
