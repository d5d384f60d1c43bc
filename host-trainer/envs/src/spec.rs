//! What is known of a task without loading it: names, sizes, units, ranges, rates.

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use mujoco_rs::prelude::MjModel;

use super::domain::{self, Variant};
use super::environment::Environment;
use super::error::Error;
use super::model::{self, Scenery};
use super::own::{self, Source};
use super::reference;

/// One number of an observation or an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Unique within its task, such as `pole_1_cos`.
    pub name: String,
    /// SI unit, `1` for a pure number.
    pub unit: &'static str,
    /// Least value: of a healthy observation, or of the actuator's control range.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
}

impl Signal {
    /// A signal in `low..=high`.
    pub fn new(name: impl Into<String>, unit: &'static str, low: f64, high: f64) -> Self {
        Self { name: name.into(), unit, low, high }
    }

    /// A signal in `-bound..=bound`.
    pub fn symmetric(name: impl Into<String>, unit: &'static str, bound: f64) -> Self {
        Self::new(name, unit, -bound, bound)
    }

    /// A sine, a cosine, an element of a rotation matrix.
    #[must_use]
    pub fn direction(name: impl Into<String>) -> Self {
        // Rotation matrices come from normalised quaternions: rounding leaves 1 by some 1e-15.
        Self::symmetric(name, "1", 1.001)
    }
}

/// A return others have published, to compare with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// Algorithm.
    pub method: &'static str,
    /// Decisions (control steps / action repeat 4) of training.
    pub decisions: u32,
    /// Best point of the mean learning curve, or the final return.
    pub best: f64,
    /// Average over training, where it is known.
    pub average: Option<f64>,
}

/// A task of the DeepMind Control Suite, or one of the user's own.
#[derive(Debug, Clone)]
pub struct Task {
    /// `domain-task` in dm_control's words, such as `cartpole-swingup`; `name@hash` of a task read from
    /// a file.
    pub name: &'static str,
    /// The observation, in dm_control's order. The ranges hold every healthy reading.
    pub observations: Vec<Signal>,
    /// The action. -1 and 1 are mapped to `low` and `high`, the actuator's control range.
    pub actions: Vec<Signal>,
    /// Seconds of one step of the simulator.
    pub physics_timestep: f64,
    /// Steps of the simulator in one control step.
    pub physics_steps: u32,
    /// Control steps of an episode. Its end is a time limit, not a termination.
    pub episode_steps: u32,
    pub(super) variant: Variant,
}

impl Task {
    /// Seconds of one control step.
    #[must_use]
    pub fn control_timestep(&self) -> f64 {
        self.physics_timestep * f64::from(self.physics_steps)
    }

    /// The compiled model, for what the environment does not show.
    ///
    /// # Errors
    /// [`Error::ModelsMissing`], [`Error::ModelUnreadable`], [`Error::ModelDiffers`] and
    /// [`Error::Version`] where set-up has not done its work.
    pub fn model(&self, scenery: Scenery) -> Result<MjModel, Error> {
        model::load(self.variant, scenery)
    }

    /// Files of a task of one's own, to be kept with runs; none for the suite's and for programs.
    #[must_use]
    pub fn source(&self) -> Option<&'static Source> {
        self.own().and_then(|own| own.definition.source())
    }

    /// Keys of the configuration that the task brings, over a preset's.
    #[must_use]
    pub fn train(&self) -> toml::Table {
        let Some(own) = self.own() else { return toml::Table::new() };
        let mut train = own.definition.train();
        // Their rate is that of decisions; only the suite's tasks are decided at a part of theirs.
        train.entry("action_repeat").or_insert(toml::Value::Integer(1));
        train
    }

    /// Whether episodes can end before their time. The suite's never do.
    #[must_use]
    pub fn terminates(&self) -> bool {
        self.own().is_some_and(|own| own.definition.terminates())
    }

    /// Name without the hash, fit for a file.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.split('@').next().unwrap_or(self.name)
    }

    /// Whether it is none of the suite's.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own().is_some()
    }

    fn own(&self) -> Option<&'static own::Own> {
        match self.variant {
            Variant::Own(own) => Some(own),
            _ => None,
        }
    }

    /// A start and a decision: what cannot be simulated is refused before it is trained.
    pub(super) fn rehearse(&self) -> Result<(), Error> {
        // An environment wants a task for the life of the process; this one is a few names long.
        let mut environment = Environment::new(Box::leak(Box::new(self.clone())), 1, 0, 0)?;
        let mut observation = vec![0.0; self.observations.len()];
        environment.reset(&mut observation)?;
        environment.step(&vec![0.0; self.actions.len()], &mut observation)?;
        Ok(())
    }

    /// Published returns, none where nothing is known.
    #[must_use]
    pub fn references(&self) -> &'static [Reference] {
        reference::returns(self.name)
    }
}

/// Every task, in alphabetical order.
#[must_use]
pub fn all() -> &'static [Task] {
    static TASKS: LazyLock<Vec<Task>> = LazyLock::new(|| {
        let mut tasks = domain::tasks();
        tasks.sort_by_key(|task| task.name);
        tasks
    });
    &TASKS
}

/// The task of that name.
///
/// ```
/// use daa_envs as task;
/// assert_eq!(task::find("cartpole-swingup").unwrap().observations.len(), 5);
/// let error = task::find("cartpole-swing").unwrap_err().to_string();
/// assert!(error.contains("did you mean cartpole-swingup?"));
/// ```
///
/// A name that ends with `.toml` is that of a file which describes a task: it is loaded.
///
/// # Errors
/// [`UnknownTask`], with the nearest name, where there is none; [`Error::Own`] for a file with a mistake.
pub fn find(name: &str) -> Result<&'static Task, Error> {
    if own::is_file(name) {
        return own::load(Path::new(name));
    }
    let known = all().iter().find(|task| task.name == name).or_else(|| own::known(name));
    known.ok_or_else(|| {
        let nearest = all().iter().map(|task| task.name);
        let nearest = nearest.min_by_key(|known| distance(known, name)).unwrap_or_default();
        UnknownTask { name: name.to_owned(), nearest }.into()
    })
}

/// No task has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownTask {
    /// The name that was asked for.
    pub name: String,
    /// The known name most like it.
    pub nearest: &'static str,
}

impl fmt::Display for UnknownTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.split_once('@') {
            Some((name, _)) => write!(
                f,
                "the files of task {} are not here, or were changed: bring {name}.toml and its model as they were with --task-file {name}.toml",
                self.name.escape_debug(),
                name = name.escape_debug()
            ),
            None => write!(f, "unknown task {:?}: did you mean {}?", self.name, self.nearest),
        }
    }
}

/// Levenshtein distance.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_are_those_of_the_textbook() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("walker-run", "walker-run"), 0);
    }

    #[test]
    fn published_returns_are_of_known_tasks() {
        let known = all().iter().filter(|task| !task.references().is_empty());
        assert_eq!(known.count(), 18, "a name in the table is misspelt");
    }

    #[test]
    fn scenery_is_all_that_the_sky_changes() {
        let task = find("walker-walk").unwrap();
        let (bare, full) = (task.model(Scenery::Bare).unwrap(), task.model(Scenery::Full).unwrap());
        assert_eq!(
            (bare.nq(), bare.nbody(), bare.ngeom()),
            (full.nq(), full.nbody(), full.ngeom())
        );
        assert!(bare.ntexdata() * 10 < full.ntexdata());
    }

    #[test]
    fn every_task_is_well_formed() {
        for task in all() {
            assert!(task.physics_steps >= 1 && task.episode_steps == 1000);
            for signals in [&task.observations, &task.actions] {
                let mut names: Vec<_> = signals.iter().map(|signal| &signal.name).collect();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), signals.len(), "{}: names repeat", task.name);
                for signal in signals {
                    assert!(signal.low < signal.high, "{} {}", task.name, signal.name);
                    assert!(signal.low.is_finite() && signal.high.is_finite());
                }
            }
        }
    }
}
