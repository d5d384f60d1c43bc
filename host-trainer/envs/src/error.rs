//! What can go wrong in a task, each with the way out.

use std::fmt;

use crate::state::State;

/// Why a task could not be loaded, reset, stepped or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No task of that name.
    #[error(transparent)]
    UnknownTask(#[from] UnknownTask),
    /// The model files are nowhere to be found.
    #[error("the control suite's models are not in {searched}: run `cargo xtask setup`")]
    ModelsMissing {
        /// The folders that were looked at, for the message.
        searched: String,
    },
    /// Another MuJoCo than the one the tasks were checked with.
    #[error(
        "libmujoco has version number {found}, {expected} is needed: unset MUJOCO_DYNAMIC_LINK_DIR and run `cargo xtask setup`"
    )]
    Version {
        /// Version number of the library.
        found: i32,
        /// Version number of the headers.
        expected: i32,
    },
    /// A model file is there but cannot be read.
    #[error("cannot read {path}: {source}; run `cargo xtask setup` again")]
    ModelUnreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A model file is not the one this task was written for.
    #[error("{file}: {what}; it is not dm_control 1.0.50's: run `cargo xtask setup` again")]
    ModelDiffers {
        /// The file.
        file: String,
        /// The difference.
        what: String,
    },
    /// A task of the user's own is not what it must be.
    #[error("{file}: {what}")]
    Own {
        /// The file.
        file: String,
        /// The mistake, with the way out.
        what: String,
    },
    /// A slice has another length than the task has signals.
    #[error("{task}: {what} has {got} values, but the task has {expected}")]
    Size {
        /// The task.
        task: String,
        /// Which slice.
        what: String,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// An infinity or a NaN where a number is needed.
    #[error("{task}: {what} is {value}, not a finite number{}", step.map_or_else(String::new, |step| format!(", after {step} control steps of the episode")))]
    NotFinite {
        /// The task.
        task: String,
        /// Which value.
        what: String,
        /// The value.
        value: f64,
        /// Control steps that the episode had made, if it is a reading of one.
        step: Option<u32>,
    },
    /// Stepped before the first reset or after the last step.
    #[error("{task}: no episode is running: reset the environment before stepping it")]
    NoEpisode {
        /// The task.
        task: String,
    },
    /// An action repeat no episode can hold.
    #[error("{task}: an action repeat of {got} is not in 1..={longest}")]
    Repeat {
        /// The task.
        task: String,
        /// The repeat asked for.
        got: u32,
        /// Control steps of one episode.
        longest: u32,
    },
    /// No collision-free start was found.
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
    #[error("the saved state is of {saved}, the environment of {environment}")]
    OtherTask {
        /// Task of the state.
        saved: String,
        /// Task of the environment.
        environment: String,
    },
    /// The saved state is of this task but cannot be.
    #[error("{task}: the saved state does not fit: {what}")]
    State {
        /// The task.
        task: String,
        /// Why not.
        what: String,
    },
    /// A request for a replay is not what it must be.
    #[error("replay: {0}")]
    Request(String),
    /// The simulation blew up; MuJoCo has reset itself, the episode is lost.
    #[error("{0}")]
    Diverged(Box<Divergence>),
}

/// A diverged simulation, with what is needed to see it again.
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
    /// The episode some decisions before.
    pub before: State,
    /// The actions since, the last being that of the decision in which it diverged.
    pub actions: Vec<Vec<f64>>,
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
