//! What a task consists of: its definition, its behaviour in episodes, and its MuJoCo model.

use std::fmt::Debug;

use mujoco_rs::prelude::MjModel;

use super::signal::Signal;
use super::source::Source;
use crate::error::Error;
use crate::mujoco::model::Scenery;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::state::field::Field;

/// A user's task in Rust, before its model is compiled. [`crate::register`] makes it known by its name.
pub trait Definition: Debug + Send + Sync {
    /// The task's name: letters, digits, `-` and `_`, different from every name of the suite.
    fn name(&self) -> &str;
    /// The model, as the text of one MJCF file that refers to no other.
    fn mjcf(&self) -> &str;
    /// Control steps per second. Each must be a whole number of the model's time steps.
    fn rate_hz(&self) -> f64;
    /// Time limit of an episode. It truncates the episode: trainers bootstrap there.
    fn episode_seconds(&self) -> f64;
    /// Looks up the names that the task needs in the compiled model. Called once for each environment.
    ///
    /// # Errors
    /// Those of [`Names`]' methods, for a name that the model does not have.
    fn bind(&self, names: &Names<'_>) -> Result<Bound, Error>;
    /// The task's files, which are copied into run directories; none for a task in Rust.
    fn source(&self) -> Option<&Source> {
        None
    }
    /// Whether episodes can terminate before their time limit.
    fn terminates(&self) -> bool {
        true
    }
    /// Configuration keys that training this task starts from; they override the preset's.
    fn train(&self) -> toml::Table {
        toml::Table::new()
    }
}

/// A task bound to a compiled model.
#[derive(Debug)]
pub struct Bound {
    /// The observation, number by number. Every reading must lie in its range: the microcontroller
    /// refuses observations outside.
    pub observations: Vec<Signal>,
    /// What happens in the episodes.
    pub behaviour: Box<dyn Behaviour>,
}

/// What happens in the episodes of a task. A behaviour has no state that changes: everything that
/// changes is in the simulation, so that a saved and restored episode continues bit for bit.
pub trait Behaviour: Debug + Send {
    /// Draws the start of an episode; before the call, the simulation is in the model's default pose.
    ///
    /// # Errors
    /// [`Attempts`] where every start drawn was invalid.
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts>;
    /// Writes the observation of the current state.
    fn observe(&self, physics: &Physics, observation: &mut [f64]);
    /// Reward of the current state.
    fn reward(&self, physics: &Physics) -> f64;
    /// Whether the episode terminates in the current state: no reward follows.
    fn terminated(&self, physics: &Physics) -> bool {
        let _ = physics;
        false
    }
}

/// The number of attempts at a valid start, all of which failed.
#[derive(Debug, Clone, Copy)]
pub struct Attempts(pub u32);

/// A task's model and how the task binds to it: what an environment needs besides the task's sizes.
/// The suite and users' tasks implement it.
pub(crate) trait TaskModel: Debug + Send + Sync {
    /// The file that describes the task, for messages.
    fn file(&self) -> String;
    /// Compiles the model.
    fn compile(&self, scenery: Scenery) -> Result<MjModel, Error>;
    /// The error for a compiled model whose actuators or time step are not those of the task.
    fn mismatch(&self, task: &str) -> Error;
    /// Looks up the names that the task needs.
    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error>;
    /// Model arrays that the start of an episode edits.
    fn edited_fields(&self) -> &'static [Field] {
        &[]
    }
    /// The definition of a user's task; none for the suite.
    fn definition(&self) -> Option<&dyn Definition> {
        None
    }
}
