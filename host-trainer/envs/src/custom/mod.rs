//! Users' tasks: an MJCF file with a small TOML, or two traits in Rust.
//!
//! | file | what |
//! |---|---|
//! | `mod` | a definition compared with its model |
//! | `section` | one table of the TOML, key by key |
//! | `settings` | the whole TOML as checked values |
//! | `quantity` | what can be read from a simulation, by name |
//! | `goal` | rewards and terminations from quantities |
//! | `start` | how episodes start |
//! | `described` | a TOML as an implementation of the traits |
//!
//! A task in Rust implements [`Definition`] (what is known before the model is bound) and
//! [`Behaviour`] (what happens in an episode). `docs/custom-tasks.md` shows both ways.

mod described;
mod goal;
mod quantity;
mod section;
mod settings;
mod start;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use daa_core::image::{MAX_ACTIONS, MAX_OBSERVATIONS};
use mujoco_rs::prelude::{MjModel, MjtObjBase};

use crate::error::Error;
use crate::mujoco::model::{Scenery, compile};
use crate::mujoco::names::Names;
use crate::task::{Behaviour, Definition, Signal, Task, TaskModel};

pub(crate) use described::Described;

/// Most control steps of an episode.
const LONGEST_EPISODE: f64 = 1e6;

/// A user's definition with its model's file name.
#[derive(Debug)]
pub(crate) struct Custom {
    /// Names the model, for messages.
    pub(crate) file: String,
    pub(crate) definition: Box<dyn Definition>,
}

impl Custom {
    /// An error in the model.
    fn error(&self, what: impl Into<String>) -> Error {
        Error::Custom { file: self.file.clone(), what: what.into() }
    }

    /// An error in the definition: the TOML file, or the program.
    fn described(&self, what: String) -> Error {
        Error::Custom { file: self.file(), what }
    }
}

impl TaskModel for Custom {
    fn file(&self) -> String {
        let source = self.definition.source();
        source.map_or_else(|| self.file.clone(), |source| source.path.display().to_string())
    }

    /// Pictures show everything that the model has.
    fn compile(&self, _: Scenery) -> Result<MjModel, Error> {
        // MuJoCo would also look for this path on the disk: the name must not exist there.
        let name = "custom-task.xml";
        let files = [(name, self.definition.mjcf())];
        compile(name, &files, |what| self.error(format!("MuJoCo refuses the model: {what}")))
    }

    fn mismatch(&self, _: &str) -> Error {
        self.error("the definition must return the same model in every call")
    }

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(self.definition.bind(names)?.behaviour)
    }

    fn definition(&self) -> Option<&dyn Definition> {
        Some(&*self.definition)
    }
}

/// Makes a task of a definition after comparing it with its model.
pub(crate) fn describe(custom: Custom, name: &'static str) -> Result<Task, Error> {
    let model = custom.compile(Scenery::Bare)?;
    check_model(&custom, &model)?;
    let actions = actions(&custom, &model)?;
    let (rate, seconds) = (custom.definition.rate_hz(), custom.definition.episode_seconds());
    let timestep = model.opt().timestep;
    let steps = 1.0 / rate / timestep;
    if !(rate > 0.0 && steps.is_finite() && (0.5..1e6).contains(&steps))
        || (steps - steps.round()).abs() > 1e-6 * steps
    {
        return Err(custom.described(format!(
            "a control step at {rate} Hz is not a whole number of the model's time steps of {timestep} s, but {steps}: change the rate or the time step"
        )));
    }
    let episode = (seconds * rate).round();
    if !(1.0..=LONGEST_EPISODE).contains(&episode) {
        return Err(custom.described(format!(
            "an episode of {seconds} s has {episode} decisions: it must have 1 to {LONGEST_EPISODE}"
        )));
    }
    let bound = custom.definition.bind(&Names::new(&model, custom.file(), true))?;
    check_signals(&custom, "observation", &bound.observations, MAX_OBSERVATIONS)?;
    check_signals(&custom, "action", &actions, MAX_ACTIONS)?;
    Ok(Task {
        name,
        observations: bound.observations,
        actions,
        physics_timestep: timestep,
        physics_steps: steps.round() as u32,
        episode_steps: episode as u32,
        references: &[],
        model: Arc::new(custom),
    })
}

fn check_model(custom: &Custom, model: &MjModel) -> Result<(), Error> {
    if model.nq() == 0 {
        return Err(custom.error("the model has no joint, so that nothing can move: add one"));
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
            return Err(custom.error(format!("{what} is {value}, which is not a finite number")));
        }
    }
    Ok(())
}

/// One action for each actuator; -1 and 1 are the ends of its control range.
fn actions(custom: &Custom, model: &MjModel) -> Result<Vec<Signal>, Error> {
    let ranges = model.actuator_ctrlrange();
    if ranges.is_empty() {
        return Err(custom.error("the model has no actuator: add at least one in <actuator>"));
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
                return Err(custom.error(format!(
                    "actuator {:?} has no control range: give it ctrlrange=\"low high\", to which the policy's -1 and 1 are mapped",
                    name(id)
                )));
            }
            Ok(Signal::new(name(id), "1", low, high))
        })
        .collect()
}

fn check_signals(
    custom: &Custom,
    what: &str,
    signals: &[Signal],
    most: usize,
) -> Result<(), Error> {
    if signals.is_empty() || signals.len() > most {
        let count = signals.len();
        return Err(custom
            .described(format!("the task has {count} {what}s: a policy image holds 1 to {most}")));
    }
    for (index, signal) in signals.iter().enumerate() {
        let name = &signal.name;
        let single = (signal.low as f32, signal.high as f32);
        if !(single.0.is_finite() && single.1.is_finite() && single.0 < single.1) {
            let (low, high) = (signal.low, signal.high);
            return Err(custom.described(format!(
                "{what} {name:?}: the range {low} to {high} must be finite and not empty"
            )));
        }
        if signals[..index].iter().any(|other| other.name == *name) {
            return Err(
                custom.described(format!("two {what}s have the name {name:?}: rename one of them"))
            );
        }
    }
    Ok(())
}
