//! An environment: a task as an agent sees it, reset, stepped, saved and restored.

mod saved;
mod scene;
mod trace;

use mujoco_rs::prelude::MjModel;

use crate::error::{Divergence, Error};
use crate::mujoco::model::Scenery;
use crate::mujoco::names::Names;
use crate::mujoco::physics::{Physics, Stepping};
use crate::random::Random;
use crate::state::State;
use crate::task::{Attempts, Behaviour, Task};
use trace::Trace;

pub use scene::Scene;

/// Result of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Sum of the rewards of the decision's control steps.
    pub reward: f64,
    /// The episode reached a terminal state: no reward follows. Never in the suite.
    pub terminated: bool,
    /// The episode reached its time limit: rewards would follow, so estimates bootstrap here.
    pub truncated: bool,
}

impl Step {
    /// Whether the episode ended, terminated or truncated.
    #[must_use]
    pub fn ended(self) -> bool {
        self.terminated || self.truncated
    }
}

/// A simulated task with its own copy of the model. It may be moved between threads.
#[derive(Debug)]
pub struct Environment {
    pub(crate) task: &'static Task,
    pub(crate) physics: Physics,
    behaviour: Box<dyn Behaviour>,
    /// Whether the task is a user's, whose readings may be infinite or NaN.
    custom: bool,
    pub(crate) random: Random,
    action_repeat: u32,
    /// Control steps made in the running episode; none while no episode is running.
    pub(crate) step: Option<u32>,
    pub(crate) trace: Trace,
    only_mujoco: bool,
}

impl Environment {
    /// Makes an environment of a task. Each action is held for `action_repeat` control steps. The starts
    /// of the episodes are drawn from `stream` of `seed`: each environment of a run needs its own
    /// stream.
    ///
    /// # Errors
    /// [`Error::Repeat`]; those of [`Task::model`] where set-up is incomplete.
    pub fn new(
        task: &'static Task,
        action_repeat: u32,
        seed: u64,
        stream: u64,
    ) -> Result<Self, Error> {
        if !(1..=task.episode_steps).contains(&action_repeat) {
            return Err(Error::Repeat {
                task: task.name.to_owned(),
                got: action_repeat,
                longest: task.episode_steps,
            });
        }
        let model = task.model(Scenery::Bare)?;
        check(task, &model)?;
        let names = Names::new(&model, task.model.file(), task.is_custom());
        let behaviour = task.model.bind(&names)?;
        Ok(Self {
            task,
            physics: Physics::new(model),
            behaviour,
            custom: task.is_custom(),
            random: Random::new(seed, stream),
            action_repeat,
            step: None,
            trace: Trace::default(),
            only_mujoco: false,
        })
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &'static Task {
        self.task
    }

    /// Control steps for which an action is held.
    #[must_use]
    pub fn action_repeat(&self) -> u32 {
        self.action_repeat
    }

    /// Starts a new episode and writes its first observation `[D]`.
    ///
    /// # Errors
    /// [`Error::Size`]; [`Error::NoStart`] when every start drawn collided; [`Error::Diverged`].
    pub fn reset(&mut self, observation: &mut [f64]) -> Result<(), Error> {
        self.check_size("the observation", observation.len(), self.task.observations.len())?;
        self.step = None;
        self.physics.reset();
        self.behaviour.start(&mut self.physics, &mut self.random).map_err(
            |Attempts(attempts)| Error::NoStart {
                task: self.task.name.to_owned(),
                attempts,
                seed: self.random.state().seed,
            },
        )?;
        self.physics.settle();
        self.step = Some(0);
        self.trace.cut();
        if let Some(warning) = self.physics.divergence() {
            return Err(self.diverged(warning, 0));
        }
        self.behaviour.observe(&self.physics, observation);
        self.check_readings(observation, 0)
    }

    /// Makes a decision: holds an action `[A]` for the action repeat, or until the episode ends, and
    /// writes the observation `[D]` after it. Actions are clipped to [-1, 1]; -1 and 1 are the ends of
    /// each actuator's range.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::NotFinite`] and [`Error::NoEpisode`], with the environment unchanged;
    /// [`Error::Diverged`] when the simulation diverged: the episode is over, and a reset starts the next.
    pub fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Result<Step, Error> {
        self.check_size("the observation", observation.len(), self.task.observations.len())?;
        let made = self.step.ok_or_else(|| Error::NoEpisode { task: self.task.name.to_owned() })?;
        let steps = self.action_repeat.min(self.task.episode_steps - made);
        let (reward, terminated) = self.hold(action, steps)?;
        if !self.only_mujoco {
            self.behaviour.observe(&self.physics, observation);
            self.check_readings(observation, made + steps)?;
        }
        let truncated = !terminated && made + steps == self.task.episode_steps;
        self.step = (!terminated && !truncated).then_some(made + steps);
        Ok(Step { reward, terminated, truncated })
    }

    /// Holds an action for `steps` control steps, or until the episode terminates. Returns the sum of
    /// the rewards, and whether the episode terminated.
    pub(crate) fn hold(&mut self, action: &[f64], steps: u32) -> Result<(f64, bool), Error> {
        self.check_size("the action", action.len(), self.task.actions.len())?;
        if let Some(at) = action.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite {
                task: self.task.name.to_owned(),
                what: format!("action {:?}", self.task.actions[at].name),
                value: action[at],
                step: None,
            });
        }
        if !self.only_mujoco {
            self.trace.note(&self.physics, self.step, action);
        }
        let controls = self.physics.ctrl_mut().iter_mut();
        for ((control, value), signal) in controls.zip(action).zip(&self.task.actions) {
            *control = to_control(*value, signal.low, signal.high);
        }
        let mut reward = 0.0;
        for step in 0..steps {
            self.physics.step(self.task.physics_steps);
            if self.only_mujoco {
                continue;
            }
            if let Some(warning) = self.physics.divergence() {
                return Err(self.diverged(warning, step));
            }
            reward += self.behaviour.reward(&self.physics);
            if self.custom && !reward.is_finite() {
                let made = self.step.take().map(|made| made + step + 1);
                return Err(Error::NotFinite {
                    task: self.task.name.to_owned(),
                    what: "the reward".to_owned(),
                    value: reward,
                    step: made,
                });
            }
            if self.behaviour.terminated(&self.physics) {
                return Ok((reward, true));
            }
        }
        Ok((reward, false))
    }

    /// Refuses observations of users' tasks that are not finite; the suite's always are.
    fn check_readings(&mut self, observation: &[f64], made: u32) -> Result<(), Error> {
        if !self.custom {
            return Ok(());
        }
        let Some(at) = observation.iter().position(|value| !value.is_finite()) else {
            return Ok(());
        };
        self.step = None;
        Err(Error::NotFinite {
            task: self.task.name.to_owned(),
            what: format!("observation {:?}", self.task.observations[at].name),
            value: observation[at],
            step: Some(made),
        })
    }

    /// Saves the episode: everything that later decisions depend on.
    #[must_use]
    pub fn save(&self) -> State {
        let mut integration = Vec::new();
        self.physics.integration_state(&mut integration);
        self.state_with(integration)
    }

    fn state_with(&self, integration: Vec<f64>) -> State {
        let edited = self.task.model.edited_fields().iter();
        State {
            task: self.task.name.to_owned(),
            integration,
            model: edited.map(|&field| (field, field.read(self.physics.model()))).collect(),
            step: self.step,
            random: self.random.state(),
        }
    }

    /// The error for a simulation that diverged in control step `step` of the current decision. It
    /// ends the episode.
    #[cold]
    fn diverged(&mut self, warning: &'static str, step: u32) -> Error {
        let made = self.step.take().unwrap_or_default();
        let trace = std::mem::take(&mut self.trace);
        let before = State { step: trace.step, ..self.state_with(trace.integration) };
        let actions = trace.actions.chunks(self.task.actions.len());
        Error::Diverged(Box::new(Divergence {
            task: self.task.name.to_owned(),
            seed: before.random.seed,
            stream: before.random.stream,
            step: made + step,
            warning,
            before,
            actions: actions.map(<[f64]>::to_vec).collect(),
        }))
    }

    /// Writes the observation of the current state.
    pub(crate) fn observe(&self, observation: &mut [f64]) {
        self.behaviour.observe(&self.physics, observation);
    }

    /// Numbers of positions and of velocities.
    #[cfg(test)]
    pub(crate) fn coordinates(&self) -> (usize, usize) {
        (self.physics.qpos().len(), self.physics.qvel().len())
    }

    /// Leaves out everything but MuJoCo's part of a decision: rewards, observations, terminations and
    /// checks. Benchmarks measure with it what the rest costs.
    pub fn set_only_mujoco(&mut self, only_mujoco: bool) {
        self.only_mujoco = only_mujoco;
    }

    pub(crate) fn set_stepping(&mut self, stepping: Stepping) {
        self.physics.set_stepping(stepping);
    }

    #[inline]
    pub(crate) fn check_size(&self, what: &str, got: usize, expected: usize) -> Result<(), Error> {
        if got == expected {
            return Ok(());
        }
        Err(Error::Size { task: self.task.name.to_owned(), what: what.to_owned(), got, expected })
    }

    pub(crate) fn check_finite(&self, what: &str, values: &[f64]) -> Result<(), Error> {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NotFinite {
                task: self.task.name.to_owned(),
                what: format!("value {at} of {what}"),
                value: values[at],
                step: None,
            }),
        }
    }
}

/// Maps [-1, 1] to an actuator's range, with the order of operations of dm_control's wrapper
/// `action_scale`: chaotic simulations amplify even rounding differences. The identity, to the bit,
/// where the range is [-1, 1].
fn to_control(action: f64, low: f64, high: f64) -> f64 {
    let action = action.clamp(-1.0, 1.0);
    if low == -1.0 && high == 1.0 { action } else { low + (high - low) / 2.0 * (action + 1.0) }
}

/// Compares a task's actions and time step with its compiled model.
fn check(task: &Task, model: &MjModel) -> Result<(), Error> {
    let ranges = model.actuator_ctrlrange().iter();
    let fits = task.actions.len() == model.actuator_ctrlrange().len()
        && ranges.zip(&task.actions).all(|(range, signal)| *range == [signal.low, signal.high])
        && model.opt().timestep == task.physics_timestep;
    if fits {
        return Ok(());
    }
    Err(task.model.mismatch(task.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_map_to_the_actuators_range() {
        for action in [-1.0, -0.3, 0.1, 1.0] {
            assert_eq!(to_control(action, -1.0, 1.0), action);
        }
        assert_eq!(to_control(1.0, -1.0, 1.1), 1.1);
        assert_eq!(to_control(-1.0, -1.0, 1.1), -1.0);
        assert_eq!(to_control(7.0, -0.8, 0.8), 0.8);
    }

    #[test]
    fn an_environment_moves_between_threads() {
        fn moves<T: Send>() {}
        moves::<Environment>();
    }
}
