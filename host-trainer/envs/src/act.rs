//! The act-step loop: observe, act, step, once for everything that acts in an environment.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | observation | `[D]` | as the simulator gives it (f64), and as the policy sees it (f32) |
//! | action | `[A]` | raw action of the policy (f32), -1 and 1 being the ends of the actuator's range |
//!
//! ```
//! use daa_envs::{act::Rollout, find, Environment, Error};
//!
//! # fn main() -> Result<(), Error> {
//! let mut rollout = Rollout::new(Environment::new(find("pendulum-swingup")?, 4, 1, 0)?)?;
//! let step = loop {
//!     rollout.act(|_observation, action| Ok::<_, Error>(action.fill(0.5)))?;
//!     let step = rollout.step()?;
//!     if step.ended() {
//!         break step;
//!     }
//! };
//! assert!(step.truncated && !step.terminated);
//! # Ok(())
//! # }
//! ```

use daa_core::DynPolicy;
use rand::Rng;

use crate::agent::Agent;
use crate::env::{Environment, Step};
use crate::error::Error;
use crate::streams::fill_normal;

/// A policy with the memory that acting needs.
#[derive(Debug)]
pub struct Actor<'a> {
    policy: DynPolicy<'a>,
    scratch: Vec<f32>,
    noise: Vec<f32>,
}

impl<'a> Actor<'a> {
    /// The actor of an agent; `inverse [D]` is scratch memory that lives as long.
    ///
    /// # Errors
    /// [`Error::Request`] where the agent's parts do not fit each other.
    pub fn new(agent: &'a Agent, inverse: &'a mut Vec<f32>) -> Result<Self, Error> {
        inverse.resize(agent.shape.input, 0.0);
        let policy = agent
            .policy(inverse)
            .map_err(|error| Error::Request(format!("the policy cannot act: {error}")))?;
        let scratch = vec![0.0; policy.scratch_len()];
        Ok(Self { policy, scratch, noise: vec![0.0; agent.shape.output] })
    }

    /// Writes the most probable action `[A]` for an observation `[D]`, limited as on the
    /// microcontroller.
    pub fn mode(&mut self, observation: &[f32], action: &mut [f32]) {
        self.policy.mode(observation, &mut self.scratch, action);
    }

    /// Writes an action `[A]` sampled from the policy's diagonal Gaussian: the mean, then standard
    /// normal numbers from `rng` times the standard deviations.
    pub fn sample(&mut self, observation: &[f32], rng: &mut impl Rng, action: &mut [f32]) {
        self.policy.mean(observation, &mut self.scratch, action);
        fill_normal(rng, &mut self.noise);
        self.policy.perturb(action, &self.noise);
    }
}

/// An environment that is acted in, with its current observation and the last action.
#[derive(Debug)]
pub struct Rollout {
    environment: Environment,
    wide: Vec<f64>,
    observation: Vec<f32>,
    action: Vec<f32>,
    control: Vec<f64>,
}

impl Rollout {
    /// Starts an episode in an environment.
    ///
    /// # Errors
    /// Those of [`Environment::reset`].
    pub fn new(mut environment: Environment) -> Result<Self, Error> {
        let task = environment.task();
        let (observations, actions) = (task.observations.len(), task.actions.len());
        let mut wide = vec![0.0; observations];
        environment.reset(&mut wide)?;
        Ok(Self {
            environment,
            wide,
            observation: vec![0.0; observations],
            action: vec![0.0; actions],
            control: vec![0.0; actions],
        })
    }

    /// Starts the next episode.
    ///
    /// # Errors
    /// Those of [`Environment::reset`].
    pub fn reset(&mut self) -> Result<(), Error> {
        self.environment.reset(&mut self.wide)
    }

    /// Has `choose(observation, action)` write the action for the current observation.
    ///
    /// # Errors
    /// What `choose` returns.
    pub fn act<E>(
        &mut self,
        choose: impl FnOnce(&[f32], &mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.observation.iter_mut().zip(&self.wide).for_each(|(x, wide)| *x = *wide as f32);
        choose(&self.observation, &mut self.action)
    }

    /// Takes the action that was chosen last; afterwards [`Self::wide`] is the observation that follows.
    ///
    /// # Errors
    /// Those of [`Environment::step`].
    pub fn step(&mut self) -> Result<Step, Error> {
        let controls = self.control.iter_mut().zip(&self.action);
        controls.for_each(|(control, action)| *control = f64::from(*action));
        self.environment.step(&self.control, &mut self.wide)
    }

    /// The observation `[D]` that the last action was chosen for.
    #[must_use]
    pub fn observation(&self) -> &[f32] {
        &self.observation
    }

    /// The last action `[A]`.
    #[must_use]
    pub fn action(&self) -> &[f32] {
        &self.action
    }

    /// The current observation `[D]` in the simulator's precision.
    #[must_use]
    pub fn wide(&self) -> &[f64] {
        &self.wide
    }

    /// The current observation `[D]`, to be set after [`Environment::restore`], which restores none.
    pub fn wide_mut(&mut self) -> &mut [f64] {
        &mut self.wide
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The environment, to be restored.
    pub fn environment_mut(&mut self) -> &mut Environment {
        &mut self.environment
    }
}
