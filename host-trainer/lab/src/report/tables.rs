//! The tables of an analysis.

use super::analysis::Analysis;
use super::runs::shown;
use super::table::{Cell, Table};
use crate::stats::Estimate;
use daa_envs::{self as task, Reference};
use daa_trainer::number::number;

/// The methods of the papers by their names in [`Reference`].
const PAPERS: [&str; 4] = ["PPO", "DAA", "states", "QAA"];

/// A number of decisions in a few characters.
#[must_use]
pub(super) fn decisions(count: f64) -> String {
    match count {
        c if c >= 1e6 => {
            let millions = format!("{:.2}", c / 1e6);
            format!("{}M", millions.trim_end_matches('0').trim_end_matches('.'))
        }
        c if c >= 1e4 => format!("{:.0}k", c / 1e3),
        c => format!("{c:.0}"),
    }
}

/// A number with its interval.
#[must_use]
pub(super) fn with_interval(estimate: Estimate) -> String {
    match estimate.interval {
        Some([low, high]) => {
            format!("{} [{}, {}]", number(estimate.value), number(low), number(high))
        }
        None => number(estimate.value),
    }
}

impl Analysis {
    /// Final scores by task and arm, beside published scores.
    #[must_use]
    pub fn score_table(&self) -> Table {
        let known = |name: &String| task::find(name).map_or(&[][..], task::Task::references);
        let references = || self.study.tasks.iter().flat_map(known);
        let mut papers = PAPERS.to_vec();
        papers.retain(|method| references().any(|r| r.method == *method));
        let others = references().any(|r| !PAPERS.contains(&r.method));
        let mut table = Table::new(1, &["task"]);
        table.head.extend(self.study.arms.iter().map(|arm| arm.name.clone()));
        table.head.extend(papers.iter().map(|method| format!("published {method}")));
        table.head.extend(others.then(|| "published, other".to_owned()));
        for (name, outcomes) in self.study.tasks.iter().zip(&self.results) {
            let estimates: Vec<_> = outcomes.iter().map(|o| o.as_ref().map(|o| o.centre)).collect();
            let mut row: Vec<Cell> = vec![name.as_str().into()];
            row.extend(scored(&estimates));
            let find = |method: &str| known(name).iter().find(|r| r.method == method);
            let none = || "–".to_owned();
            row.extend(
                papers.iter().map(|method| find(method).map_or_else(none, published).into()),
            );
            let other = known(name).iter().find(|r| !PAPERS.contains(&r.method));
            let named = |r: &Reference| format!("{} {}", r.method, published(r));
            row.extend(others.then(|| other.map_or_else(none, named).into()));
            table.rows.push(row);
        }
        if let Some((count, estimates)) = self.overall() {
            let mut row: Vec<Cell> = vec![format!("all {count}").into()];
            row.extend(scored(&estimates.into_iter().map(Some).collect::<Vec<_>>()));
            row.resize(table.head.len(), "".into());
            table.rows.push(row);
        }
        table
    }

    /// All statistics of the final scores.
    #[must_use]
    pub fn detail_table(&self) -> Table {
        let centre = format!("{} [95 % interval]", self.options.centre.word());
        let head = [
            "task",
            "method",
            "seeds",
            "decisions",
            &centre,
            "mean",
            "lowest",
            "highest",
            "over training",
        ];
        let mut table = Table::new(2, &head);
        for (name, outcomes) in self.study.tasks.iter().zip(&self.results) {
            for (arm, outcome) in self.study.arms.iter().zip(outcomes) {
                let Some(outcome) = outcome else { continue };
                let ([first, last], [low, high]) = (outcome.decisions(), outcome.extremes());
                let reached = if first == last {
                    decisions(last)
                } else {
                    format!("{}–{}", decisions(first), decisions(last))
                };
                table.rows.push(vec![
                    name.as_str().into(),
                    arm.name.as_str().into(),
                    outcome.seeds.len().to_string().into(),
                    reached.into(),
                    with_interval(outcome.centre).into(),
                    number(outcome.mean()).into(),
                    number(low).into(),
                    number(high).into(),
                    number(outcome.average).into(),
                ]);
            }
        }
        table
    }

    /// Probability of improvement of the arm of each row over the arm of each column; none with a single arm.
    #[must_use]
    pub fn improvement_table(&self) -> Option<Table> {
        let names = || self.study.arms.iter().map(|arm| arm.name.as_str());
        let head: Vec<&str> = ["better than"].into_iter().chain(names()).collect();
        let mut table = Table::new(1, &head);
        for (ours, name) in names().enumerate() {
            let cell = |theirs: usize| -> Cell {
                let estimate = (ours != theirs).then(|| self.improvement(ours, theirs)).flatten();
                estimate.map_or("–".into(), |estimate| with_interval(estimate).into())
            };
            let cells = self.arms().into_iter().map(cell);
            table.rows.push([name.into()].into_iter().chain(cells).collect());
        }
        (self.study.arms.len() > 1).then_some(table)
    }

    /// Decisions until the score of the baseline is reached; none with a single arm.
    #[must_use]
    pub fn speed_table(&self) -> Option<Table> {
        let name = &self.study.arms.get(self.baseline)?.name;
        let others: Vec<usize> =
            self.arms().into_iter().filter(|arm| *arm != self.baseline).collect();
        let level = format!("score of {name}");
        let mut table = Table::new(1, &["task", &level, "its decisions"]);
        table.head.extend(others.iter().map(|arm| self.study.arms[*arm].name.clone()));
        for (task, name) in self.study.tasks.iter().enumerate() {
            let Some((level, reached)) = self.to_reach_baseline(task) else { continue };
            let whole =
                self.results[task][self.baseline].as_ref().map_or(0.0, |o| o.decisions()[1]);
            let mut row: Vec<Cell> =
                vec![name.as_str().into(), number(level).into(), decisions(whole).into()];
            row.extend(others.iter().map(|arm| match (reached[*arm], &self.results[task][*arm]) {
                (_, None) => Cell::from("–"),
                (None, _) => Cell::from("not reached"),
                (Some(until), _) => Cell {
                    text: format!("{} ({:.2}×)", decisions(until), until / whole),
                    best: until < whole,
                },
            }));
            table.rows.push(row);
        }
        (!others.is_empty() && !table.rows.is_empty()).then_some(table)
    }

    /// Training times by phase.
    #[must_use]
    pub fn time_table(&self) -> Option<Table> {
        let chart = self.time_chart()?;
        let mut table = Table::new(1, &["run", "decisions/s"]);
        table.head.extend(chart.series.iter().map(|series| series.name.clone()));
        for (times, (name, values)) in self.times().iter().zip(chart.rows) {
            let mut row: Vec<Cell> = vec![name.into(), number(times.rate).into()];
            row.extend(values.iter().map(|v| v.map_or("–".into(), |v| number(v.value).into())));
            table.rows.push(row);
        }
        Some(table)
    }

    /// Options in which the arms differ; none where they do not.
    #[must_use]
    pub fn difference_table(&self) -> Option<Table> {
        let mut table = Table::new(1 + self.study.arms.len(), &["key"]);
        table.head.extend(self.study.arms.iter().map(|arm| arm.name.clone()));
        for key in &self.study.differences {
            let value = |arm: &super::runs::Arm| -> Cell {
                let of = |record: &super::runs::Record| record.config.get(key).map(shown);
                let mut values: Vec<_> = arm.records.iter().filter_map(of).collect();
                values.dedup();
                values.join(", ").into()
            };
            let values = self.study.arms.iter().map(value);
            table.rows.push([key.as_str().into()].into_iter().chain(values).collect());
        }
        (!table.rows.is_empty()).then_some(table)
    }

    /// Options that all arms share.
    #[must_use]
    pub fn common_table(&self) -> Table {
        let mut table = Table::new(2, &["key", "value"]);
        let Some(first) = self.study.records().next() else { return table };
        for (key, value) in &first.config {
            if self.study.records().all(|record| record.config.get(key) == Some(value)) {
                table.rows.push(vec![key.as_str().into(), shown(value).into()]);
            }
        }
        table
    }

    /// The runs of the report.
    #[must_use]
    pub fn run_table(&self) -> Table {
        let mut table =
            Table::new(3, &["run", "task", "method", "seeds", "decisions", "minutes", ""]);
        for arm in &self.study.arms {
            for record in &arm.records {
                let seeds: Vec<String> = record.seeds.iter().map(|s| s.seed.to_string()).collect();
                let done = record.seeds.iter().map(|seed| seed.decisions).min().unwrap_or(0);
                table.rows.push(vec![
                    record.path.display().to_string().into(),
                    record.word("task").into(),
                    arm.name.as_str().into(),
                    seeds.join(", ").into(),
                    decisions(done as f64).into(),
                    number(record.seconds / 60.0).into(),
                    if record.finished { "finished" } else { "not finished" }.into(),
                ]);
            }
        }
        table
    }
}

/// Cells for the arms of one row; the highest value is marked where there are several.
fn scored(estimates: &[Option<Estimate>]) -> Vec<Cell> {
    let values = || estimates.iter().flatten().map(|estimate| estimate.value);
    let highest = values().fold(f64::NEG_INFINITY, f64::max);
    let several = values().count() > 1;
    let cell = |estimate: &Option<Estimate>| match estimate {
        Some(estimate) => {
            Cell { text: with_interval(*estimate), best: several && estimate.value == highest }
        }
        None => "–".into(),
    };
    estimates.iter().map(cell).collect()
}

/// The best return, the average in parentheses, and the number of decisions where it is not a million.
fn published(reference: &Reference) -> String {
    let average = reference.average.map(|average| format!(" ({})", number(average)));
    let moment = match reference.decisions {
        1_000_000 => String::new(),
        other => format!(" at {}", decisions(f64::from(other))),
    };
    format!("{}{}{moment}", number(reference.best), average.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_short() {
        assert_eq!(
            [999.0, 20_480.0, 1e6, 2.5e6, 1e8].map(decisions),
            ["999", "20k", "1M", "2.5M", "100M"]
        );
    }

    #[test]
    fn the_highest_of_several_is_marked() {
        let cells = scored(&[Some(Estimate::exact(1.0)), None, Some(Estimate::exact(2.0))]);
        assert_eq!(cells.iter().map(|cell| cell.best).collect::<Vec<_>>(), [false, false, true]);
        assert!(!scored(&[Some(Estimate::exact(1.0)), None])[0].best);
    }
}
