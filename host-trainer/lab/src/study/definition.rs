//! The file that defines a study: values that all runs share, and the values that are varied.

use anyhow::{Context, Result, bail};
use daa_trainer::config::{flat, parse_seeds};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Largest number of jobs of a study.
const MOST_JOBS: usize = 100_000;

/// A study as its TOML file defines it. Every combination of `tasks`, `grid` and `arms` is a point, and every
/// point is trained with all seeds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Heading of the report.
    #[serde(default)]
    pub title: String,
    /// The claim that the study tests, such as a statement of a paper.
    #[serde(default)]
    pub claim: String,
    /// Preset that all runs start from.
    #[serde(default)]
    pub preset: Option<String>,
    /// Tasks; without them, the task of the configuration.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Seeds, such as `1..5`.
    #[serde(default)]
    pub seeds: Option<String>,
    /// Largest number of seeds that one run trains together; without it, all of them.
    #[serde(default)]
    pub seeds_per_job: Option<usize>,
    /// Values of all runs.
    #[serde(default)]
    pub set: Table,
    /// Lists of values of which every combination is a point.
    #[serde(default)]
    pub grid: Table,
    /// Named points.
    #[serde(default)]
    pub arms: Vec<Arm>,
}

/// A named point of a study, such as one line of a figure.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Name in legends and tables.
    pub name: String,
    /// Values in which the arm differs from the others.
    #[serde(default)]
    pub set: Table,
}

/// One combination of task, grid values and arm.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// Words that distinguish the point from the others; the task of `tasks` is not repeated in them.
    pub(super) name: String,
    /// `key=value` assignments, the weakest first.
    pub(super) set: Vec<String>,
}

/// `key=value` as on the command line, where words need no quotes.
fn assignment(key: &str, value: &Value) -> String {
    match value {
        Value::String(word) => format!("{key}={word}"),
        value => format!("{key}={value}"),
    }
}

fn assignments(table: &Table) -> Vec<String> {
    flat(table).iter().map(|(key, value)| assignment(key, value)).collect()
}

impl Definition {
    /// Reads a study's TOML file.
    ///
    /// # Errors
    /// One line with the line of the first mistake.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            anyhow::anyhow!("line {line}: {}", error.message())
        })
    }

    /// The seeds of all points.
    pub(super) fn seed_list(&self) -> Result<Vec<u64>> {
        let text = self.seeds.as_deref().unwrap_or("1");
        Ok(parse_seeds(text).map_err(anyhow::Error::msg).context("seeds")?.0)
    }

    /// All combinations of tasks, grid values and arms, the tasks outermost. `seed_groups` is the number of
    /// runs of each point.
    pub(super) fn points(&self, tasks: &[String], seed_groups: usize) -> Result<Vec<Point>> {
        let grid = lists(&self.grid)?;
        let set = flat(&self.set);
        if let Some(key) = set.keys().find(|key| grid.contains_key(*key)) {
            bail!("{key} is in [set] and in [grid]");
        }
        if !tasks.is_empty() && (grid.contains_key("task") || set.contains_key("task")) {
            bail!("the tasks are in tasks and in [set] or [grid]");
        }
        let sizes = grid.values().map(Vec::len).chain([
            tasks.len().max(1),
            self.arms.len().max(1),
            seed_groups,
        ]);
        match sizes.into_iter().try_fold(1usize, usize::checked_mul) {
            Some(0) => bail!("a key of [grid] has no values"),
            Some(count) if count <= MOST_JOBS => {}
            _ => bail!("more than {MOST_JOBS} jobs: make the grid smaller"),
        }
        let mut points = vec![Point { name: String::new(), set: assignments(&self.set) }];
        if !tasks.is_empty() {
            let task = |task: &String| (String::new(), vec![format!("task={task}")]);
            points = extended(&points, &tasks.iter().map(task).collect::<Vec<_>>());
        }
        for (key, values) in &grid {
            let value = |value: &Value| {
                let assignment = assignment(key, value);
                (assignment.clone(), vec![assignment])
            };
            points = extended(&points, &values.iter().map(value).collect::<Vec<_>>());
        }
        if !self.arms.is_empty() {
            let arm = |arm: &Arm| (arm.name.clone(), assignments(&arm.set));
            points = extended(&points, &self.arms.iter().map(arm).collect::<Vec<_>>());
        }
        Ok(points)
    }
}

/// Every point with every choice added.
fn extended(points: &[Point], choices: &[(String, Vec<String>)]) -> Vec<Point> {
    let with = |point: &Point, (word, set): &(String, Vec<String>)| Point {
        name: format!("{} {word}", point.name).trim().to_owned(),
        set: [point.set.as_slice(), set.as_slice()].concat(),
    };
    points.iter().flat_map(|point| choices.iter().map(|choice| with(point, choice))).collect()
}

/// The values of each key of `[grid]`, whose keys are dotted.
fn lists(grid: &Table) -> Result<BTreeMap<String, Vec<Value>>> {
    let list = |(key, value): (String, Value)| match value {
        Value::Array(values) => Ok((key, values)),
        other => bail!("{key} = {other} in [grid]: write a list of values, {key} = [{other}]"),
    };
    flat(grid).into_iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_all_combinations_of_tasks_grid_and_arms() {
        let text = "[set]\ngamma = 0.9\n[grid]\nupdate.epochs = [1, 2]\n[[arms]]\nname = 'A'\n\
                    [[arms]]\nname = 'B'\nset.estimator.kind = 'single'";
        let definition = Definition::parse(text).unwrap();
        let points = definition.points(&["x".to_owned()], 1).unwrap();
        let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
        let wanted =
            ["update.epochs=1 A", "update.epochs=1 B", "update.epochs=2 A", "update.epochs=2 B"];
        assert_eq!(names, wanted);
        let last = ["gamma=0.9", "task=x", "update.epochs=2", "estimator.kind=single"];
        assert_eq!(points[3].set, last);
    }
}
