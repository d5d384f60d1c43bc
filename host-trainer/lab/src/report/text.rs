//! An analysis as Markdown and as CSV.

use super::analysis::Analysis;
use super::curves::Centre;
use super::table::{Table, escape_markdown};
use crate::csv_file;
use crate::stats::Estimate;

/// Paragraphs that explain the numbers.
pub(super) fn reading(analysis: &Analysis) -> Vec<String> {
    let options = &analysis.options;
    let moment = match options.at {
        Some(at) => format!("read off each seed's curve at {at} decisions"),
        None => "after each run's last update (of a finished run, its last evaluation; of another, the last one there is)".to_owned(),
    };
    let centre = match options.centre {
        Centre::Iqm => {
            "IQM is the interquartile mean over seeds: the mean without the lowest and the highest quarter (each rounded down to whole seeds: of three seeds and fewer it is the mean)."
        }
        Centre::Mean => "The centre is the mean over seeds.",
    };
    vec![
        format!("Score: {}, {moment}.", options.score.words()),
        format!(
            "{centre} Brackets and bands are 95 % intervals: {} bootstrap resamples of the seeds within each task. They say how far the seeds at hand may be from other seeds; with few seeds they are too narrow.",
            options.bootstrap.resamples
        ),
        "A learning curve is dotted where fewer seeds have come than before. \"Over training\" is the mean height of the curves.".to_owned(),
        "Published returns: best point of the mean curve over training, in parentheses its average where it is known, after 1M decisions unless said otherwise; PPO, DAA (MBMA), states (MBPO) and QAA (QMA) of \"On Many-Actions Policy Gradient\" (ICML 2023, 15 seeds), the others CleanRL's.".to_owned(),
        "A performance profile shows the share of seeds that score more than what stands below, mean over tasks. Probability of improvement: that a seed of one method scores more than a seed of another on the same task, ties counted half, mean over tasks.".to_owned(),
    ]
}

/// A heading and its table.
pub(super) type Headed = (&'static str, Table);

/// The tables of a report in their order.
pub(super) fn tables(analysis: &Analysis) -> Vec<Headed> {
    let some = [
        ("Final scores", Some(analysis.score_table())),
        ("Final scores in detail", Some(analysis.detail_table())),
        ("Decisions to reach the baseline's score", analysis.speed_table()),
        ("Probability of improvement", analysis.improvement_table()),
        ("Seconds of 1000 decisions", analysis.time_table()),
        ("Differences of configuration", analysis.difference_table()),
        ("Runs", Some(analysis.run_table())),
    ];
    some.into_iter().filter_map(|(heading, table)| Some((heading, table?))).collect()
}

impl Analysis {
    /// The tables as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n", escape_markdown(&self.options.title));
        for paragraph in &self.options.intro {
            text.push_str(&format!("\n{}\n", escape_markdown(paragraph)));
        }
        for note in &self.study.notes {
            text.push_str(&format!("\n- {}", escape_markdown(note)));
        }
        text.push('\n');
        for (heading, table) in tables(self) {
            text.push_str(&format!("\n## {heading}\n\n{}", table.markdown()));
        }
        text.push_str("\n## How to read this\n");
        for paragraph in reading(self) {
            text.push_str(&format!("\n{}\n", escape_markdown(&paragraph)));
        }
        text
    }

    /// The points of all curves and the final scores as CSV.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut lines = vec![CSV_COLUMNS.map(str::to_owned).to_vec()];
        for (task, outcomes) in self.study.tasks.iter().zip(&self.results) {
            for (arm, outcome) in self.study.arms.iter().zip(outcomes) {
                let Some(outcome) = outcome else { continue };
                let mut line = |what: &str, decisions: f64, scores: &[f64]| {
                    let mut cells = vec![what.to_owned(), task.clone(), arm.name.clone()];
                    cells.extend([decisions.to_string(), scores.len().to_string()]);
                    for centre in [Centre::Iqm, Centre::Mean] {
                        let Estimate { value, interval } =
                            centre.estimate(&self.options.bootstrap, scores);
                        let ends = interval.map(|ends| ends.map(|end| end.to_string()));
                        cells.push(value.to_string());
                        cells.extend(ends.unwrap_or_default());
                    }
                    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
                    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    cells.extend([lowest.to_string(), highest.to_string()]);
                    lines.push(cells);
                };
                for point in &outcome.curve {
                    line("curve", point.decisions, &point.scores);
                }
                let scores: Vec<f64> = outcome.seeds.iter().map(|seed| seed.score).collect();
                line("final", outcome.decisions()[1], &scores);
            }
        }
        csv_file::text(&lines)
    }
}

const CSV_COLUMNS: [&str; 13] = [
    "what",
    "task",
    "method",
    "decisions",
    "seeds",
    "iqm",
    "iqm_low",
    "iqm_high",
    "mean",
    "mean_low",
    "mean_high",
    "lowest",
    "highest",
];
