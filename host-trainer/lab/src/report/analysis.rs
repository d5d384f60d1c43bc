//! The analysis of a study: curves, scores, comparisons and times.

use super::curves::{Centre, CurvePoint, Scored, curve, decisions_to_reach, scores};
use super::runs::{Score, Study};
use crate::stats::statistics::{self, pooled, probability_of_improvement, share_above};
use crate::stats::{Bootstrap, Estimate};
use anyhow::{Result, bail};

/// Options of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Heading.
    pub title: String,
    /// Paragraphs below the heading, such as the claim of a paper.
    pub intro: Vec<String>,
    /// The score.
    pub score: Score,
    /// The statistic over seeds.
    pub centre: Centre,
    /// Number of decisions at which arms are compared; none: after the last update of each run.
    pub at: Option<u64>,
    /// Name of the arm with which the others are compared; none: the first arm that is PPO, else the first.
    pub baseline: Option<String>,
    /// Options of the intervals.
    pub bootstrap: Bootstrap,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            title: "Runs".to_owned(),
            intro: Vec::new(),
            score: Score::default(),
            centre: Centre::default(),
            at: None,
            baseline: None,
            bootstrap: Bootstrap::default(),
        }
    }
}

/// The results of an arm on a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The scores of the seeds.
    pub seeds: Vec<Scored>,
    /// The statistic of these scores.
    pub centre: Estimate,
    /// The same statistic of the mean heights of the seeds' curves.
    pub average: f64,
    /// The learning curve.
    pub curve: Vec<CurvePoint>,
}

/// The training times of an arm on a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// Index of the task.
    pub task: usize,
    /// Index of the arm.
    pub arm: usize,
    /// Seconds of each phase per 1000 decisions.
    pub phases: Vec<(String, f64)>,
    /// Decisions per second of the whole training.
    pub rate: f64,
}

/// A study with its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The study.
    pub study: Study,
    /// The options.
    pub options: Options,
    /// `[task][arm]`; none where an arm has no score on a task.
    pub results: Vec<Vec<Option<Outcome>>>,
    /// Index of the baseline among the arms.
    pub baseline: usize,
}

/// Number of thresholds of a performance profile.
const THRESHOLDS: usize = 101;

impl Analysis {
    /// Analyses a study.
    ///
    /// # Errors
    /// When no arm has the name of the baseline, or no seed has reached `at` decisions.
    pub fn new(mut study: Study, options: Options) -> Result<Self> {
        let baseline = match &options.baseline {
            Some(name) => {
                let found = study.arms.iter().position(|arm| arm.name == *name);
                let Some(found) = found else {
                    let names: Vec<_> = study.arms.iter().map(|arm| arm.name.as_str()).collect();
                    bail!("no arm is called {name:?}; there are: {}", names.join("; "));
                };
                found
            }
            None => {
                let plain = |r: &super::runs::Record| r.word("estimator.kind") == "single";
                study.arms.iter().position(|arm| arm.records.iter().any(plain)).unwrap_or(0)
            }
        };
        let at = options.at.map(|at| at as f64);
        let look = |task: &String| -> Vec<Option<Outcome>> {
            let one = |arm| {
                let seeds = scores(arm, task, at);
                let values: Vec<f64> = seeds.iter().map(|seed| seed.score).collect();
                let averages: Vec<f64> = seeds.iter().map(|seed| seed.average).collect();
                (!seeds.is_empty()).then(|| Outcome {
                    centre: options.centre.estimate(&options.bootstrap, &values),
                    average: options.centre.of(&averages),
                    curve: curve(arm, task, options.centre, &options.bootstrap),
                    seeds,
                })
            };
            study.arms.iter().map(one).collect()
        };
        let results: Vec<_> = study.tasks.iter().map(look).collect();
        if results.iter().flatten().all(Option::is_none) {
            bail!("no seed has reached {} decisions: lower --at", options.at.unwrap_or(0));
        }
        for (task, arms) in study.tasks.iter().zip(&results) {
            let decisions =
                || arms.iter().flatten().flat_map(|r| &r.seeds).map(|seed| seed.decisions);
            let (least, most) =
                decisions().fold((f64::MAX, 0f64), |(l, m), d| (l.min(d), m.max(d)));
            if most > 1.1 * least {
                study.notes.push(format!(
                    "The scores on {task} stand at different numbers of decisions, {least} to {most}: --at {least} compares them at equal ones."
                ));
            }
        }
        Ok(Self { study, options, results, baseline })
    }

    /// The scores of an arm on some tasks, `[task][seed]`.
    fn scores(&self, arm: usize, tasks: &[usize]) -> Vec<Vec<f64>> {
        let of_task = |task: &usize| -> Vec<f64> {
            let result = self.results[*task][arm].iter();
            result.flat_map(|result| &result.seeds).map(|seed| seed.score).collect()
        };
        tasks.iter().map(of_task).collect()
    }

    /// Indices of the tasks on which all of these arms have scores.
    #[must_use]
    pub fn common(&self, arms: &[usize]) -> Vec<usize> {
        let all = |task: &usize| arms.iter().all(|arm| self.results[*task][*arm].is_some());
        (0..self.results.len()).filter(all).collect()
    }

    /// Indices of all arms.
    #[must_use]
    pub fn arms(&self) -> Vec<usize> {
        (0..self.study.arms.len()).collect()
    }

    /// The statistic over the seeds of all common tasks for each arm, and the number of these tasks; none with
    /// fewer than two.
    #[must_use]
    pub fn overall(&self) -> Option<(usize, Vec<Estimate>)> {
        let tasks = self.common(&self.arms());
        let Options { bootstrap, centre, .. } = &self.options;
        let estimate =
            |arm| bootstrap.estimate(&self.scores(arm, &tasks), |s| pooled(s, |v| centre.of(v)));
        (tasks.len() > 1).then(|| (tasks.len(), self.arms().into_iter().map(estimate).collect()))
    }

    /// Performance profiles over the common tasks: the thresholds, and for each arm the shares above them.
    #[must_use]
    pub fn profiles(&self) -> Option<(Vec<f64>, Vec<Vec<Estimate>>)> {
        let tasks = self.common(&self.arms());
        if tasks.is_empty() {
            return None;
        }
        let scores: Vec<_> = self.arms().into_iter().map(|arm| self.scores(arm, &tasks)).collect();
        let all = scores.iter().flatten().flatten();
        // Returns of the Control Suite are within 0 to 1000.
        let (low, high) = all.fold((0f64, 1000f64), |(low, high), s| (low.min(*s), high.max(*s)));
        let step = (high - low) / (THRESHOLDS - 1) as f64;
        let thresholds: Vec<f64> = (0..THRESHOLDS).map(|n| low + n as f64 * step).collect();
        let profile = |scores: &Vec<Vec<f64>>| {
            self.options.bootstrap.estimates(scores, &[], |scores, _| {
                thresholds.iter().map(|threshold| share_above(scores, *threshold)).collect()
            })
        };
        let profiles = scores.iter().map(profile).collect();
        Some((thresholds, profiles))
    }

    /// Probability of improvement of an arm over another one, on the tasks of both; none where they share no
    /// task.
    #[must_use]
    pub fn improvement(&self, arm: usize, over: usize) -> Option<Estimate> {
        let tasks = self.common(&[arm, over]);
        let (ours, theirs) = (self.scores(arm, &tasks), self.scores(over, &tasks));
        (!tasks.is_empty()).then(|| {
            self.options.bootstrap.estimate_pair(&ours, &theirs, probability_of_improvement)
        })
    }

    /// The score of the baseline on a task, and the decisions after which the curve of each arm reaches it.
    #[must_use]
    pub fn to_reach_baseline(&self, task: usize) -> Option<(f64, Vec<Option<f64>>)> {
        let level = self.results[task][self.baseline].as_ref()?.centre.value;
        let reach = |result: &Option<Outcome>| decisions_to_reach(&result.as_ref()?.curve, level);
        Some((level, self.results[task].iter().map(reach).collect()))
    }

    /// The training times of all arms on all tasks.
    #[must_use]
    pub fn times(&self) -> Vec<Times> {
        let mut all = Vec::new();
        for (task, name) in self.study.tasks.iter().enumerate() {
            for (arm, records) in self.study.arms.iter().enumerate() {
                let records: Vec<_> = records.of_task(name).filter(|r| r.seconds > 0.0).collect();
                // A run spent the time of all its seeds, also of those that are left out.
                let decisions: f64 = records.iter().map(|r| r.timed_decisions as f64).sum();
                if decisions == 0.0 {
                    continue;
                }
                let mut phases: Vec<(String, f64)> = Vec::new();
                for (name, seconds) in records.iter().flat_map(|record| &record.phases) {
                    let share = 1000.0 * seconds / decisions;
                    match phases.iter_mut().find(|(known, _)| known == name) {
                        Some((_, sum)) => *sum += share,
                        None => phases.push((name.clone(), share)),
                    }
                }
                let seconds: f64 = records.iter().map(|record| record.seconds).sum();
                all.push(Times { task, arm, phases, rate: decisions / seconds });
            }
        }
        all
    }
}

impl Outcome {
    /// Lowest and highest number of decisions of the seeds.
    #[must_use]
    pub fn decisions(&self) -> [f64; 2] {
        let decisions = || self.seeds.iter().map(|seed| seed.decisions);
        [decisions().fold(f64::MAX, f64::min), decisions().fold(0.0, f64::max)]
    }

    /// Mean of the seeds' scores.
    #[must_use]
    pub fn mean(&self) -> f64 {
        statistics::mean(&self.seeds.iter().map(|seed| seed.score).collect::<Vec<_>>())
    }

    /// Lowest and highest score.
    #[must_use]
    pub fn extremes(&self) -> [f64; 2] {
        let scores = || self.seeds.iter().map(|seed| seed.score);
        [scores().fold(f64::INFINITY, f64::min), scores().fold(f64::NEG_INFINITY, f64::max)]
    }
}
