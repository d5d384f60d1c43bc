//! Tasks of one's own: an MJCF file with a small TOML, or two traits in Rust.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the traits, and a description held against its model |
//! | `registry` | which tasks this process knows beside the suite's, and where their files are looked for |
//! | `source` | the two files of a task: read, hashed, copied |
//! | `section` | one table of the TOML, key by key |
//! | `settings` | the whole TOML as checked values |
//! | `quantity` | what can be read from a simulation, by name |
//! | `goal` | rewards and terminations from quantities |
//! | `start` | how episodes start |
//! | `described` | a TOML as an implementation of the traits |
//!
//! A task in Rust implements [`Definition`] (what is known before the model is bound) and
//! [`Behaviour`] (what happens in an episode), and is known to everything in this crate after
//! [`register`]. `docs/own-tasks.md` shows both ways.

mod described;
mod goal;
mod quantity;
mod registry;
mod section;
mod settings;
mod source;
mod start;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use mujoco_rs::prelude::{MjModel, MjtObjBase};

use super::domain::{Domain, Variant};
use super::error::Error;
use super::model;
use super::physics::{Names, Physics};
use super::random::Random;
use super::spec::{Signal, Task};
use super::start::Attempts;
use daa_core::image::{MAX_ACTIONS, MAX_OBSERVATIONS};

pub use registry::{find_near, load, register};
pub(super) use registry::{is_file, known};
pub use source::Source;

/// Control steps of the longest episode.
const LONGEST_EPISODE: f64 = 1e6;

/// A task, before its model is compiled.
pub trait Definition: Debug + Send + Sync {
    /// Its name: letters, digits, `-` and `_`, and none of the suite's.
    fn name(&self) -> &str;
    /// The model, as the text of one MJCF file that refers to no other.
    fn mjcf(&self) -> &str;
    /// Decisions a second: a whole number of the model's time steps each.
    fn rate_hz(&self) -> f64;
    /// Time limit of an episode. The return goes on there: trainers bootstrap.
    fn episode_seconds(&self) -> f64;
    /// The task with its places in the compiled model; called once an environment.
    ///
    /// # Errors
    /// Those of [`Names`]' methods, for a name that the model does not have.
    fn bind(&self, names: &Names<'_>) -> Result<Bound, Error>;
    /// The files behind it, to be kept with runs; none for a task that is a program.
    fn source(&self) -> Option<&Source> {
        None
    }
    /// Whether episodes can end before their time.
    fn terminates(&self) -> bool {
        true
    }
    /// Keys of the configuration that training this task starts from, over the preset's.
    fn train(&self) -> toml::Table {
        toml::Table::new()
    }
}

/// A task bound to a compiled model.
#[derive(Debug)]
pub struct Bound {
    /// The observation, number by number. Ranges must hold every reading: the chip refuses others.
    pub observations: Vec<Signal>,
    /// The episodes.
    pub behaviour: Box<dyn Behaviour>,
}

/// What happens in the episodes of a task. All that changes is in the simulation: an episode that is
/// saved and restored goes on bit for bit.
pub trait Behaviour: Debug + Send {
    /// Draws a start; the simulation is in the model's default pose.
    ///
    /// # Errors
    /// [`Attempts`] where no start drawn is allowed.
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts>;
    /// Writes the observation.
    fn observe(&self, physics: &Physics, observation: &mut [f64]);
    /// Reward of the current state.
    fn reward(&self, physics: &Physics) -> f64;
    /// Whether the episode ends here, for good: nothing is earned afterwards.
    fn terminated(&self, physics: &Physics) -> bool {
        let _ = physics;
        false
    }
}

/// A definition as [`Variant`] carries it: for the life of the process.
#[derive(Debug)]
pub(super) struct Own {
    /// Of the model, for messages.
    pub(super) file: String,
    pub(super) definition: Box<dyn Definition>,
}

impl Own {
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        Error::Own { file: self.file.clone(), what: what.into() }
    }

    /// Where the names and numbers stand that the model is held against.
    pub(super) fn description(&self) -> String {
        let source = self.definition.source();
        source.map_or_else(|| self.file.clone(), |source| source.path.display().to_string())
    }

    fn described(&self, what: String) -> Error {
        Error::Own { file: self.description(), what }
    }

    fn names<'m>(&self, model: &'m MjModel) -> Names<'m> {
        Names { model, file: self.description(), own: true }
    }
}

/// The task of a definition, held against its model.
fn describe(own: &'static Own, name: &'static str) -> Result<Task, Error> {
    let model = model::load_own(own)?;
    check_model(own, &model)?;
    let actions = actions(own, &model)?;
    let (rate, seconds) = (own.definition.rate_hz(), own.definition.episode_seconds());
    let timestep = model.opt().timestep;
    let steps = 1.0 / rate / timestep;
    if !(rate > 0.0 && steps.is_finite() && (0.5..1e6).contains(&steps))
        || (steps - steps.round()).abs() > 1e-6 * steps
    {
        return Err(own.described(format!(
            "a rate of {rate} Hz is no whole number of the model's time steps of {timestep} s: {steps} of them"
        )));
    }
    let episode = (seconds * rate).round();
    if !(1.0..=LONGEST_EPISODE).contains(&episode) {
        return Err(own.described(format!(
            "an episode of {seconds} s has {episode} decisions: 1 to {LONGEST_EPISODE} are possible"
        )));
    }
    let bound = own.definition.bind(&own.names(&model))?;
    check_signals(own, "observation", &bound.observations, MAX_OBSERVATIONS)?;
    check_signals(own, "action", &actions, MAX_ACTIONS)?;
    Ok(Task {
        name,
        observations: bound.observations,
        actions,
        physics_timestep: timestep,
        physics_steps: steps.round() as u32,
        episode_steps: episode as u32,
        variant: Variant::Own(own),
    })
}

/// Binds a task to a model, as every environment does.
pub(super) fn bind(own: &'static Own, names: &Names<'_>) -> Result<Domain, Error> {
    Ok(Domain::Own(own.definition.bind(names)?.behaviour))
}

fn check_model(own: &Own, model: &MjModel) -> Result<(), Error> {
    if model.nq() == 0 {
        return Err(own.error("it has no joint: nothing in it can move"));
    }
    let numbers: [(&str, &[f64]); 9] = [
        ("the start position", model.qpos0()),
        ("a body's mass", model.body_mass()),
        ("a body's inertia", model.body_inertia().as_flattened()),
        ("a body's position", model.body_pos().as_flattened()),
        ("a geom's position", model.geom_pos().as_flattened()),
        ("a geom's size", model.geom_size().as_flattened()),
        ("a joint's damping", model.dof_damping()),
        ("gravity", &model.opt().gravity),
        ("the time step", std::slice::from_ref(&model.opt().timestep)),
    ];
    for (what, values) in numbers {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(own.error(format!("{what} is {value}, not a finite number")));
        }
    }
    Ok(())
}

/// One action an actuator: -1 and 1 are the ends of its control range.
fn actions(own: &Own, model: &MjModel) -> Result<Vec<Signal>, Error> {
    let ranges = model.actuator_ctrlrange();
    if ranges.is_empty() {
        return Err(own.error("it has no actuator: add some in <actuator>"));
    }
    let name = |id| {
        let given = model.id_to_name(MjtObjBase::mjOBJ_ACTUATOR, id).unwrap_or_default();
        if given.is_empty() { format!("actuator_{id}") } else { given.to_owned() }
    };
    let limited = model.actuator_ctrllimited();
    (0..ranges.len())
        .map(|id| {
            let [low, high] = ranges[id];
            if !(limited[id] && low < high && low.is_finite() && high.is_finite()) {
                return Err(own.error(format!(
                    "actuator {:?} has no control range: give it ctrlrange=\"low high\"; -1 and 1 of the policy are its ends",
                    name(id)
                )));
            }
            Ok(Signal::new(name(id), "1", low, high))
        })
        .collect()
}

fn check_signals(own: &Own, what: &str, signals: &[Signal], most: usize) -> Result<(), Error> {
    if signals.is_empty() || signals.len() > most {
        let count = signals.len();
        return Err(own.described(format!("{count} {what}s: an image holds 1 to {most}")));
    }
    for (index, signal) in signals.iter().enumerate() {
        let name = &signal.name;
        let single = (signal.low as f32, signal.high as f32);
        if !(single.0.is_finite() && single.1.is_finite() && single.0 < single.1) {
            let (low, high) = (signal.low, signal.high);
            return Err(
                own.described(format!("{what} {name:?}: a range of {low} to {high} is none"))
            );
        }
        if signals[..index].iter().any(|other| other.name == *name) {
            return Err(
                own.described(format!("two {what}s are called {name:?}: give one another name"))
            );
        }
    }
    Ok(())
}
