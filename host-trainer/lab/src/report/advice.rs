//! The advice that runs recorded: more actions or more states, and the number of actions N that was chosen.

use super::page::Section;
use super::runs::{Record, Study, read};
use super::table::Table;
use crate::csv_file::CsvFile;
use crate::plot::{Axis, LineChart, Point, Series};
use crate::stats::Estimate;
use anyhow::{Context, Result};
use daa_trainer::advisor::advice::FILE;
use daa_trainer::number::number;

/// One line of `advice.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Said {
    decisions: f64,
    num_actions: f64,
    chosen: f64,
    actions: [f64; 2],
    states: [f64; 2],
    margin: [f64; 2],
    verdict: String,
}

/// The advice on one seed of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunAdvice {
    /// Name of the arm, the task and the seed.
    pub(super) name: String,
    auto: bool,
    said: Vec<Said>,
}

impl RunAdvice {
    fn parse(text: &str) -> Result<Vec<(u64, Said)>> {
        let mut found = Vec::new();
        let file = CsvFile::parse(text)?;
        for row in file.rows() {
            let both = |name: &str| -> Result<[f64; 2]> {
                Ok([row.number(name)?, row.number(&format!("{name}_error"))?])
            };
            let said = Said {
                decisions: row.number("decisions")?,
                num_actions: row.number("num_actions")?,
                chosen: row.number("chosen")?,
                actions: both("actions")?,
                states: both("states")?,
                margin: both("margin")?,
                verdict: row.get("verdict").context("line 1: no column verdict")?.to_owned(),
            };
            found.push((row.number("seed")?, said));
        }
        Ok(found)
    }

    fn count(&self, verdict: &str) -> usize {
        self.said.iter().filter(|said| said.verdict == verdict).count()
    }

    /// The values of N from the start to the end.
    fn path(&self) -> String {
        let mut path: Vec<String> = Vec::new();
        let ends = self.said.last().map(|last| last.chosen);
        for n in self.said.iter().map(|said| said.num_actions).chain(ends) {
            let n = n.to_string();
            if path.last() != Some(&n) {
                path.push(n);
            }
        }
        path.join(" → ")
    }

    /// Summary in one line.
    #[must_use]
    pub(super) fn line(&self) -> String {
        format!(
            "advice: {}: more actions {}, more states {}, in doubt {}; N {}{}",
            self.name,
            self.count("more actions"),
            self.count("more states"),
            self.count("in doubt"),
            self.path(),
            if self.auto { " (chosen)" } else { "" }
        )
    }
}

/// The advice of all runs that recorded any.
///
/// # Errors
/// One line that names the file, and the line in it.
pub(super) fn collect(study: &Study) -> Result<Vec<RunAdvice>> {
    let mut found = Vec::new();
    for arm in &study.arms {
        for record in &arm.records {
            let place = record.path.join(FILE);
            if !place.is_file() {
                continue;
            }
            let said =
                RunAdvice::parse(&read(&place)?).with_context(|| place.display().to_string());
            found.extend(by_seed(&arm.name, record, &said?));
        }
    }
    Ok(found)
}

fn by_seed(arm: &str, record: &Record, said: &[(u64, Said)]) -> Vec<RunAdvice> {
    let task = record.word("task");
    let auto = record.config.get("advise.auto").and_then(toml::Value::as_bool).unwrap_or(false);
    let of = |seed: u64| RunAdvice {
        name: format!("{arm}, {task}, seed {seed}"),
        auto,
        said: said.iter().filter(|(of, _)| *of == seed).map(|(_, said)| said.clone()).collect(),
    };
    let all = record.seeds.iter().map(|seed| of(seed.seed));
    all.filter(|advice| !advice.said.is_empty()).collect()
}

/// Largest number of lines in a chart, so that they do not hide one another.
const SHOWN: usize = 8;

/// The section of the page; none where no run recorded advice.
#[must_use]
pub(super) fn section(runs: &[RunAdvice]) -> Option<Section> {
    if runs.is_empty() {
        return None;
    }
    let head =
        ["run", "more actions", "more states", "in doubt", "N", "last LHS, %", "last RHS, %"];
    let mut table = Table::new(1, &head);
    for run in runs {
        let side = |side: fn(&Said) -> [f64; 2]| {
            let [value, error] = run.said.last().map(side).unwrap_or_default();
            format!("{} ± {}", number(value), number(error))
        };
        let counts = ["more actions", "more states", "in doubt"].map(|v| run.count(v).to_string());
        let mut row = vec![run.name.clone()];
        row.extend(counts);
        row.extend([run.path(), side(|said| said.actions), side(|said| said.states)]);
        table.rows.push(row.into_iter().map(Into::into).collect());
    }
    let lines = |runs: &mut dyn Iterator<Item = &RunAdvice>, point: fn(&Said) -> Point| {
        let numbered = runs.take(SHOWN).enumerate();
        numbered
            .map(|(place, run)| {
                (Series::new(&run.name, place), run.said.iter().map(point).collect())
            })
            .collect::<Vec<_>>()
    };
    let mut charts = vec![LineChart {
        title: "One more action against states for the same cost".to_owned(),
        x: Axis::linear("decisions of each seed").from(0.0),
        y: Axis::linear("difference, % of the variance"),
        lines: lines(&mut runs.iter(), |said| {
            let [value, error] = said.margin;
            let y = Estimate { value, interval: Some([value - error, value + error]) };
            Point { x: said.decisions, y, weak: false }
        }),
        marks: vec![(0.0, "more actions above".to_owned())],
        steps: false,
    }];
    if runs.iter().any(|run| run.auto) {
        charts.push(LineChart {
            title: "Extra actions of each state, chosen".to_owned(),
            x: Axis::linear("decisions of each seed").from(0.0),
            y: Axis::linear("N").from(0.0),
            lines: lines(&mut runs.iter().filter(|run| run.auto), |said| {
                Point::new(said.decisions, said.chosen)
            }),
            marks: vec![],
            steps: true,
        });
    }
    let cards: String = charts
        .iter()
        .map(|chart| format!("<figure class=\"card\">{}</figure>\n", chart.svg(false)))
        .collect();
    let html = format!(
        "{}<p>LHS is what one more action a state takes off the variance of the gradient, RHS what states for the same cost do; docs/variance.md.</p>\n<div class=\"grid\">\n{cards}</div>\n",
        table.html()
    );
    Some(Section { heading: "More actions, or more states?".to_owned(), html })
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_trainer::advisor::advice::Advice;

    fn line(decisions: u64, num_actions: usize, chosen: usize, verdict: &str) -> String {
        format!(
            "1,3,{decisions},{num_actions},0.1,3.5,0.5,1.25,0.25,2.25,0.5,80,4,{verdict},{chosen}\n"
        )
    }

    fn run() -> RunAdvice {
        let text = Advice::COLUMNS.join(",")
            + "\n"
            + &line(100, 8, 16, "more actions")
            + &line(200, 16, 16, "in doubt")
            + &line(300, 16, 8, "more states")
            + "4,3,400,1";
        let said: Vec<Said> =
            RunAdvice::parse(&text).unwrap().into_iter().map(|(_, said)| said).collect();
        RunAdvice { name: "auto <b>".to_owned(), auto: true, said }
    }

    #[test]
    fn verdicts_are_counted_and_the_path_of_n_is_told() {
        assert_eq!(
            run().line(),
            "advice: auto <b>: more actions 1, more states 1, in doubt 1; N 8 → 16 → 8 (chosen)"
        );
        let html = section(&[run()]).unwrap().html;
        for part in ["auto &lt;b&gt;", "3.50 ± 0.500", "1.25 ± 0.250", "8 → 16 → 8", "chosen"]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<b>"), "names are escaped");
        let fixed = RunAdvice { auto: false, ..run() };
        assert_eq!(section(&[fixed]).unwrap().html.matches("<svg").count(), 1);
        assert_eq!(html.matches("<svg").count(), 2);
        assert!(section(&[]).is_none());
    }

    #[test]
    fn a_damaged_file_is_named_with_its_line() {
        let text = Advice::COLUMNS.join(",") + "\n" + &line(100, 8, 8, "x") + &line(1, 8, 8, "x");
        let text = text.replace("1,3,1,8", "1,3,many,8");
        let error = format!("{:#}", RunAdvice::parse(&text).unwrap_err());
        assert!(error.contains("line 3") && error.contains("decisions"), "{error}");
    }
}
