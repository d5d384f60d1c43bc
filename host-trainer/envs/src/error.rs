//! Errors of tasks and environments. Each message says what to do.

use std::fmt;

use crate::state::State;

/// Why a task could not be loaded, reset, stepped or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No task of that name.
    #[error(transparent)]
    UnknownTask(#[from] UnknownTask),
    /// The model files were not found.
    #[error("the control suite's models are not in {searched}: run `cargo xtask setup`")]
    ModelsMissing {
        /// The folders that were looked at, for the message.
        searched: String,
    },
    /// The MuJoCo library has another version than the one the tasks were checked with.
    #[error(
        "libmujoco has version number {found}, {expected} is needed: unset MUJOCO_DYNAMIC_LINK_DIR and run `cargo xtask setup`"
    )]
    Version {
        /// Version number of the library.
        found: i32,
        /// Version number of the headers.
        expected: i32,
    },
    /// A model file exists but cannot be read.
    #[error("cannot read {path}: {source}; run `cargo xtask setup` again")]
    ModelUnreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A model file is not the version this task was written for.
    #[error(
        "{file}: {what}; the file is not that of dm_control 1.0.50: run `cargo xtask setup` again"
    )]
    ModelDiffers {
        /// The file.
        file: String,
        /// The difference.
        what: String,
    },
    /// A user's task has a mistake.
    #[error("{file}: {what}")]
    Custom {
        /// The file.
        file: String,
        /// The mistake, and how to correct it.
        what: String,
    },
    /// A slice's length differs from the task's number of signals.
    #[error("{task}: {what} has {got} values, but the task has {expected}")]
    Size {
        /// The task.
        task: String,
        /// Which slice.
        what: String,
        /// The length of the slice.
        got: usize,
        /// The length that the task requires.
        expected: usize,
    },
    /// A value is infinite or NaN.
    #[error("{task}: {what} is {value}, not a finite number{}", step.map_or_else(String::new, |step| format!(", after {step} control steps of the episode")))]
    NotFinite {
        /// The task.
        task: String,
        /// Which value.
        what: String,
        /// The value.
        value: f64,
        /// Control steps that the episode had made, where the value was read from an episode.
        step: Option<u32>,
    },
    /// The environment was stepped before its first reset or after the last step of an episode.
    #[error("{task}: no episode is running: reset the environment before stepping it")]
    NoEpisode {
        /// The task.
        task: String,
    },
    /// The action repeat is 0 or longer than an episode.
    #[error(
        "{task}: the action repeat is {got}; it must be from 1 to {longest}, the control steps of an episode"
    )]
    Repeat {
        /// The task.
        task: String,
        /// The requested action repeat.
        got: u32,
        /// Control steps of one episode.
        longest: u32,
    },
    /// Every start that was drawn collided.
    #[error("{task}: no collision-free start in {attempts} attempts (seed {seed})")]
    NoStart {
        /// The task.
        task: String,
        /// Attempts made.
        attempts: u32,
        /// Seed of the environment.
        seed: u64,
    },
    /// The saved state belongs to another task.
    #[error("the saved state belongs to {saved}, the environment to {environment}")]
    OtherTask {
        /// Task of the state.
        saved: String,
        /// Task of the environment.
        environment: String,
    },
    /// The saved state belongs to this task but is invalid.
    #[error("{task}: the saved state is invalid: {what}")]
    State {
        /// The task.
        task: String,
        /// Why not.
        what: String,
    },
    /// A replay request is invalid.
    #[error("replay: {0}")]
    Request(String),
    /// The simulation diverged. MuJoCo has reset it, and the episode is over.
    #[error("{0}")]
    Diverged(Box<Divergence>),
}

/// A diverged simulation, with everything that a replay of it needs.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{task}: the simulation diverged at control step {step} of an episode of seed {seed}, stream {stream} (MuJoCo warning {warning})"
)]
pub struct Divergence {
    /// The task.
    pub task: String,
    /// Seed of the environment.
    pub seed: u64,
    /// Stream of the environment.
    pub stream: u64,
    /// Control step of the episode, the first being 0.
    pub step: u32,
    /// MuJoCo's name of the warning, such as `BADQACC`.
    pub warning: &'static str,
    /// A state of the episode from at most 50 decisions before.
    pub before: State,
    /// The actions since, the last being that of the decision in which the simulation diverged.
    pub actions: Vec<Vec<f64>>,
}

/// An unknown task name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownTask {
    /// The requested name.
    pub name: String,
    /// The most similar known name.
    pub nearest: &'static str,
}

impl fmt::Display for UnknownTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.split_once('@') {
            Some((name, _)) => write!(
                f,
                "the files of task {} are not here, or have changed: give the original {name}.toml, with its model beside it, as --task-file {name}.toml",
                self.name.escape_debug(),
                name = name.escape_debug()
            ),
            None => write!(f, "unknown task {:?}: did you mean {}?", self.name, self.nearest),
        }
    }
}
