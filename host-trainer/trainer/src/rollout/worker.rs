//! A worker: one environment of one seed, and the collection of its transitions.

use super::batch::{Batch, Settings};
use daa_core::math::advantage::End;
use daa_envs::agent::Agent;
use daa_envs::streams::{Purpose, fill_normal, stream};
use daa_envs::{self as task, Environment, State};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// One environment of one seed, with its current observation and return.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) seed_index: usize,
    pub(super) seed: u64,
    pub(super) environment: Environment,
    pub(super) observation: Vec<f64>,
    pub(super) episode_return: f64,
    pub(super) index: u64,
}

/// The state of a worker, for checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerState {
    environment: State,
    observation: Vec<f64>,
    episode_return: f64,
}

impl WorkerState {
    /// The saved episode, for tests that plant faults in it.
    pub fn episode(&mut self) -> &mut State {
        &mut self.environment
    }
}

impl Worker {
    pub(super) fn state(&self) -> WorkerState {
        WorkerState {
            environment: self.environment.save(),
            observation: self.observation.clone(),
            episode_return: self.episode_return,
        }
    }

    pub(super) fn restore(&mut self, state: &WorkerState) -> Result<(), task::Error> {
        let (saved, here) = (&state.observation, self.observation.len());
        if saved.len() != here || saved.iter().any(|x| !x.is_finite()) {
            let text = format!("a saved observation does not consist of {here} finite numbers");
            return Err(task::Error::Request(text));
        }
        self.environment.restore(&state.environment)?;
        self.observation.clone_from(&state.observation);
        self.episode_return = state.episode_return;
        Ok(())
    }

    pub(super) fn collect(
        &mut self,
        agent: &Agent,
        iteration: u64,
        settings: Settings,
    ) -> Result<Batch, task::Error> {
        let (observations, actions) = (agent.shape.input, agent.shape.output);
        let mut inverse = vec![0.0; observations];
        let policy = agent
            .policy(&mut inverse)
            .map_err(|error| task::Error::Request(format!("the policy cannot act: {error}")))?;
        let mut noise = stream(self.seed, Purpose::Acting, (iteration << 16) | self.index);
        let mut scratch = vec![0.0; policy.scratch_len()];
        let (mut raw, mut epsilon) = (vec![0.0; actions], vec![0.0; actions]);
        let (mut control, mut observation) = (vec![0.0f64; actions], vec![0.0f32; observations]);
        let (mut batch, mut returns) = (Batch::default(), Vec::new());
        let mut divergences_in_a_row = 0;
        let begun = Instant::now();
        while batch.rewards.len() < settings.steps {
            observation.iter_mut().zip(&self.observation).for_each(|(x, wide)| *x = *wide as f32);
            policy.mean(&observation, &mut scratch, &mut raw);
            fill_normal(&mut noise, &mut epsilon);
            policy.perturb(&mut raw, &epsilon);
            control.iter_mut().zip(&raw).for_each(|(control, raw)| *control = f64::from(*raw));
            let state = settings.keep_states.then(|| self.environment.save());
            let before = Instant::now();
            let step = self.environment.step(&control, &mut self.observation);
            batch.environment.inside += before.elapsed();
            let step = match step {
                Ok(step) => step,
                Err(task::Error::Diverged(divergence)) if divergences_in_a_row < 100 => {
                    // The decision's outcome is unknown: the decision is left out, and the trajectory is
                    // truncated before it.
                    divergences_in_a_row += 1;
                    batch.divergences.push(*divergence);
                    if let Some(last) = batch.ends.last_mut()
                        && *last == End::Continues
                    {
                        *last = End::Truncated;
                        batch.episode_ends.pop();
                        batch.episode_ends.push(true);
                    }
                    self.episode_return = 0.0;
                    self.environment.reset(&mut self.observation)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            divergences_in_a_row = 0;
            batch.observations.extend_from_slice(&observation);
            batch.actions.extend_from_slice(&raw);
            batch.next_observations.extend(self.observation.iter().map(|wide| *wide as f32));
            batch.rewards.push(step.reward as f32);
            batch.states.extend(state);
            self.episode_return += step.reward;
            let ended = step.terminated || step.truncated;
            batch.episode_ends.push(ended);
            batch.ends.push(match (step.terminated, step.truncated) {
                (true, _) => End::Terminated,
                (false, true) if !settings.bootstrap_truncation => End::Terminated,
                (false, true) => End::Truncated,
                (false, false) => End::Continues,
            });
            if ended {
                returns.push(std::mem::take(&mut self.episode_return));
                self.environment.reset(&mut self.observation)?;
            }
        }
        if let Some(last) = batch.ends.last_mut()
            && *last == End::Continues
        {
            *last = End::Truncated;
        }
        batch.environment.all = begun.elapsed();
        batch.returns = vec![returns];
        Ok(batch)
    }
}
