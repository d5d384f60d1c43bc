//! A task: names, sizes, units, ranges and rates, and the definition that it comes from.

mod definition;
mod signal;
mod source;

use std::sync::Arc;

use mujoco_rs::prelude::MjModel;

use crate::error::Error;
use crate::mujoco::model::Scenery;

pub(crate) use definition::TaskModel;
pub use definition::{Attempts, Behaviour, Bound, Definition};
pub use signal::Signal;
pub use source::Source;

/// A published return, to compare with.
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

/// A task of the DeepMind Control Suite, or a user's task.
#[derive(Debug, Clone)]
pub struct Task {
    /// dm_control's `domain-task`, such as `cartpole-swingup`; `name@hash` for a task read from a file.
    pub name: &'static str,
    /// The observation, in dm_control's order. The ranges hold every healthy reading.
    pub observations: Vec<Signal>,
    /// The action. -1 and 1 are mapped to `low` and `high`, the actuator's control range.
    pub actions: Vec<Signal>,
    /// Seconds of one step of the simulator.
    pub physics_timestep: f64,
    /// Simulator steps in one control step.
    pub physics_steps: u32,
    /// Control steps of an episode. The time limit truncates the episode, it does not terminate it.
    pub episode_steps: u32,
    pub(crate) references: &'static [Reference],
    pub(crate) model: Arc<dyn TaskModel>,
}

impl Task {
    /// Seconds of one control step.
    #[must_use]
    pub fn control_timestep(&self) -> f64 {
        self.physics_timestep * f64::from(self.physics_steps)
    }

    /// Compiles the task's model, for what the environment does not show.
    ///
    /// # Errors
    /// [`Error::ModelsMissing`], [`Error::ModelUnreadable`], [`Error::ModelDiffers`] and
    /// [`Error::Version`] where set-up is incomplete.
    pub fn model(&self, scenery: Scenery) -> Result<MjModel, Error> {
        self.model.compile(scenery)
    }

    /// Files of a user's task, which are copied into run directories; none for the suite's tasks and
    /// for tasks in Rust.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.model.definition().and_then(Definition::source)
    }

    /// Configuration keys that the task sets; they override the preset's.
    #[must_use]
    pub fn train(&self) -> toml::Table {
        let Some(definition) = self.model.definition() else { return toml::Table::new() };
        let mut train = definition.train();
        // A user's task gives the rate of its decisions: one control step each. Only the suite's
        // tasks are decided at a part of their control rate.
        train.entry("action_repeat").or_insert(toml::Value::Integer(1));
        train
    }

    /// Whether episodes can terminate before their time limit. The suite's never do.
    #[must_use]
    pub fn terminates(&self) -> bool {
        self.model.definition().is_some_and(Definition::terminates)
    }

    /// The name without the hash, fit for a file name.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.split('@').next().unwrap_or(self.name)
    }

    /// Whether this is a user's task, not one of the suite.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.model.definition().is_some()
    }

    /// Published returns; empty where none are known.
    #[must_use]
    pub fn references(&self) -> &'static [Reference] {
        self.references
    }
}
