//! The charts of an analysis.

use super::analysis::{Analysis, Outcome};
use crate::plot::{Axis, Kind, LineChart, Point, RowChart, Series};
use crate::stats::Estimate;
use daa_envs as task;

/// A chart of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Lines with bands.
    Lines(LineChart),
    /// Rows of bars or dots.
    Rows(RowChart),
}

impl Chart {
    /// The chart as SVG, see [`crate::plot`].
    #[must_use]
    pub fn svg(&self, alone: bool) -> String {
        match self {
            Self::Lines(chart) => chart.svg(alone),
            Self::Rows(chart) => chart.svg(alone),
        }
    }
}

impl Analysis {
    /// All charts with the names of their files.
    #[must_use]
    pub fn charts(&self) -> Vec<(String, Chart)> {
        let curves = (0..self.study.tasks.len()).map(|task| {
            let name = format!("learning-curve-{}", self.study.tasks[task]);
            (name, Chart::Lines(self.learning_curve(task)))
        });
        let rows = [
            ("final-scores", Some(self.final_scores())),
            ("improvement", self.improvements()),
            ("time", self.time_chart()),
        ];
        let profile = self.profile_chart().map(|chart| ("profile".to_owned(), Chart::Lines(chart)));
        let rows = rows.into_iter().filter_map(|(n, c)| Some((n.to_owned(), Chart::Rows(c?))));
        curves.chain(profile).chain(rows).collect()
    }

    fn series(&self) -> Vec<Series> {
        let arms = self.study.arms.iter().enumerate();
        arms.map(|(place, arm)| Series::new(&arm.name, place)).collect()
    }

    /// Learning curves of all arms on a task.
    #[must_use]
    pub fn learning_curve(&self, task: usize) -> LineChart {
        let name = &self.study.tasks[task];
        let line = |outcome: &Outcome| -> Vec<Point> {
            let all = outcome.curve.iter().map(|point| point.scores.len()).max().unwrap_or(0);
            let late =
                outcome.curve.iter().position(|point| point.scores.len() == all).unwrap_or(0);
            let points = outcome.curve.iter().enumerate();
            let point = |(place, point): (usize, &super::curves::CurvePoint)| Point {
                x: point.decisions,
                y: point.estimate,
                weak: place > late && point.scores.len() < all,
            };
            points.map(point).collect()
        };
        let outcomes = self.series().into_iter().zip(&self.results[task]);
        let lines: Vec<_> = outcomes
            .filter_map(|(series, outcome)| Some((series, line(outcome.as_ref()?))))
            .collect();
        let mut y = Axis::linear(self.options.score.words());
        if lines.iter().flat_map(|(_, points)| points).all(|point| lowest(point.y) >= 0.0) {
            y = y.from(0.0);
        }
        let points = lines.iter().flat_map(|(_, points)| points);
        let last = points.map(|point| point.x).fold(0.0, f64::max);
        LineChart {
            title: name.clone(),
            x: Axis::linear("decisions of each seed").from(0.0).to(last),
            y,
            lines,
            marks: published(name),
            steps: false,
        }
    }

    /// Final scores of all arms on all tasks.
    #[must_use]
    pub fn final_scores(&self) -> RowChart {
        let values = |outcomes: &Vec<Option<Outcome>>| {
            outcomes.iter().map(|outcome| outcome.as_ref().map(|outcome| outcome.centre)).collect()
        };
        RowChart {
            title: "Final scores".to_owned(),
            value: Axis::linear(&format!(
                "{}, {}",
                self.options.score.words(),
                self.options.centre.word()
            )),
            series: self.series(),
            rows: self.study.tasks.iter().cloned().zip(self.results.iter().map(values)).collect(),
            kind: Kind::Bars,
            marks: vec![],
        }
    }

    /// Performance profiles.
    #[must_use]
    pub fn profile_chart(&self) -> Option<LineChart> {
        let (thresholds, profiles) = self.profiles()?;
        let line = |shares: Vec<Estimate>| -> Vec<Point> {
            let points = thresholds.iter().zip(shares);
            points.map(|(x, y)| Point { x: *x, y, weak: false }).collect()
        };
        Some(LineChart {
            title: "Performance profiles".to_owned(),
            x: Axis::linear("score").from(thresholds[0]).to(thresholds[thresholds.len() - 1]),
            y: Axis::linear("share of seeds above it").from(0.0).to(1.0),
            lines: self.series().into_iter().zip(profiles.into_iter().map(line)).collect(),
            marks: vec![],
            steps: false,
        })
    }

    /// Probability of improvement of each arm over the baseline; none with a single arm.
    #[must_use]
    pub fn improvements(&self) -> Option<RowChart> {
        let name = &self.study.arms.get(self.baseline)?.name;
        let others = self.arms().into_iter().filter(|arm| *arm != self.baseline);
        let row = |arm: usize| {
            let estimate = self.improvement(arm, self.baseline)?;
            // The row has a value in the series of this arm only.
            let values = self.arms().into_iter().map(|other| (other == arm).then_some(estimate));
            Some((self.study.arms[arm].name.clone(), values.collect()))
        };
        let rows: Vec<_> = others.filter_map(row).collect();
        (!rows.is_empty()).then(|| RowChart {
            title: format!("Probability of improvement on {name}"),
            value: Axis::linear("probability that a seed scores more").from(0.0).to(1.0),
            series: self.series(),
            rows,
            kind: Kind::Dots,
            marks: vec![0.5],
        })
    }

    /// Seconds per 1000 decisions by phase; none where no run recorded times.
    #[must_use]
    pub fn time_chart(&self) -> Option<RowChart> {
        let times = self.times();
        let mut names: Vec<String> = Vec::new();
        for (name, _) in times.iter().flat_map(|times| &times.phases) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let row = |times: &super::analysis::Times| {
            let value = |name: &String| {
                let found = times.phases.iter().find(|(known, _)| known == name);
                found.map(|(_, seconds)| Estimate::exact(*seconds))
            };
            (self.place_name(times.task, times.arm), names.iter().map(value).collect())
        };
        (!names.is_empty()).then(|| RowChart {
            title: "Time".to_owned(),
            value: Axis::linear("seconds of 1000 decisions"),
            series: names.iter().enumerate().map(|(n, name)| Series::new(name, n)).collect(),
            rows: times.iter().map(row).collect(),
            kind: Kind::Stacked,
            marks: vec![],
        })
    }

    /// Names of task and arm, each where there are several.
    #[must_use]
    pub fn place_name(&self, task: usize, arm: usize) -> String {
        let (task, arm) = (&self.study.tasks[task], &self.study.arms[arm].name);
        match (self.study.tasks.len(), self.study.arms.len()) {
            (1, _) => arm.clone(),
            (_, 1) => task.clone(),
            _ => format!("{task}, {arm}"),
        }
    }
}

fn lowest(estimate: Estimate) -> f64 {
    estimate.interval.map_or(estimate.value, |[low, _]| low)
}

/// Published returns that are drawn beside the curves: those of the two methods of the papers.
fn published(name: &str) -> Vec<(f64, String)> {
    let Ok(task) = task::find(name) else { return Vec::new() };
    let references = task.references().iter().filter(|r| ["PPO", "DAA"].contains(&r.method));
    references
        .map(|r| {
            let words = format!(
                "published {}, best of {}",
                r.method,
                super::tables::decisions(f64::from(r.decisions))
            );
            (r.best, words)
        })
        .collect()
}
