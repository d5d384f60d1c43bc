//! Real trajectories: environments of all seeds, stepped in parallel, acting through `core`.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observations`, `next_observations` | `[S, T, D]` | raw; T is environments times steps, environment by environment |
//! | `actions` | `[S, T, A]` | raw, before the environment clamps them |
//! | `rewards` | `[S, T]` | summed over the action repeat |
//! | `ends` | `[S, T]` | how each step ended |

use crate::agent::Agent;
use crate::config::Config;
use crate::random::{Purpose, fill_normal, stream, stream_number};
use crate::task::{self, Environment, State};
use daa_core::advantage::End;
use serde::{Deserialize, Serialize};

/// Real transitions of all seeds.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `[S, T, D]`
    pub observations: Vec<f32>,
    /// `[S, T, D]`: what followed, also at the end of an episode.
    pub next_observations: Vec<f32>,
    /// `[S, T, A]`
    pub actions: Vec<f32>,
    /// `[S, T]`
    pub rewards: Vec<f32>,
    /// `[S, T]`; the last step of each environment never continues.
    pub ends: Vec<End>,
    /// Steps at which an episode ended, `[S, T]`: the batch's end is not one.
    pub episode_ends: Vec<bool>,
    /// Returns of the episodes that ended, by seed.
    pub returns: Vec<Vec<f64>>,
}

/// An environment of one seed and what it collects.
#[derive(Debug)]
struct Worker {
    seed_index: usize,
    environment: Environment,
    observation: Vec<f64>,
    episode_return: f64,
    index: u64,
    batch: Batch,
}

/// Where a worker stands, for checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerState {
    environment: State,
    observation: Vec<f64>,
    episode_return: f64,
}

/// All environments of all seeds.
#[derive(Debug)]
pub struct Rollout {
    workers: Vec<Worker>,
    seeds: Vec<u64>,
    steps: usize,
    bootstrap_truncation: bool,
    threads: usize,
}

impl Rollout {
    /// Loads and resets the environments of a run.
    ///
    /// # Errors
    /// [`task::Error`] when models are missing or a start cannot be drawn.
    pub fn new(config: &Config) -> Result<Self, task::Error> {
        let task = config.find_task()?;
        let mut workers = Vec::new();
        for (seed_index, seed) in config.seeds.iter().enumerate() {
            for index in 0..config.environments as u64 {
                let stream = stream_number(Purpose::Environment, index);
                let mut environment = Environment::new(task, config.action_repeat, *seed, stream)?;
                let mut observation = vec![0.0; task.observations.len()];
                environment.reset(&mut observation)?;
                let batch = Batch::default();
                workers.push(Worker { seed_index, environment, observation, episode_return: 0.0, index, batch });
            }
        }
        Ok(Self {
            workers,
            seeds: config.seeds.clone(),
            steps: config.trajectory_len,
            bootstrap_truncation: config.bootstrap_truncation,
            threads: config.num_threads(),
        })
    }

    /// Steps every environment `trajectory_len` times with its seed's agent. The result does not
    /// depend on the number of threads: noise belongs to (seed, environment, iteration).
    ///
    /// # Errors
    /// The first [`task::Error`] of any environment.
    pub fn collect(&mut self, agents: &[Agent], iteration: u64) -> Result<Batch, task::Error> {
        let share = self.workers.len().div_ceil(self.threads.max(1));
        let (steps, bootstrap, seeds) = (self.steps, self.bootstrap_truncation, &self.seeds);
        let results: Vec<Result<(), task::Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .workers
                .chunks_mut(share)
                .map(|workers| {
                    scope.spawn(move || {
                        workers.iter_mut().try_for_each(|worker| {
                            let (agent, seed) = (&agents[worker.seed_index], seeds[worker.seed_index]);
                            worker.collect(agent, seed, iteration, steps, bootstrap)
                        })
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        });
        results.into_iter().collect::<Result<Vec<()>, _>>()?;

        let mut batch = Batch { returns: vec![Vec::new(); self.seeds.len()], ..Batch::default() };
        for worker in &mut self.workers {
            let part = &mut worker.batch;
            batch.observations.append(&mut part.observations);
            batch.next_observations.append(&mut part.next_observations);
            batch.actions.append(&mut part.actions);
            batch.rewards.append(&mut part.rewards);
            batch.ends.append(&mut part.ends);
            batch.episode_ends.append(&mut part.episode_ends);
            let returns = part.returns.drain(..).flatten();
            batch.returns[worker.seed_index].extend(returns);
        }
        Ok(batch)
    }

    /// Where all workers stand.
    #[must_use]
    pub fn state(&self) -> Vec<WorkerState> {
        let state = |worker: &Worker| WorkerState {
            environment: worker.environment.save(),
            observation: worker.observation.clone(),
            episode_return: worker.episode_return,
        };
        self.workers.iter().map(state).collect()
    }

    /// Puts all workers back.
    ///
    /// # Errors
    /// [`task::Error`] when a state is not of this run's task.
    pub fn restore(&mut self, states: &[WorkerState]) -> Result<(), task::Error> {
        if states.len() != self.workers.len() {
            let (got, expected) = (states.len(), self.workers.len());
            return Err(task::Error::Request(format!("{got} saved environments for {expected}")));
        }
        for (worker, state) in self.workers.iter_mut().zip(states) {
            worker.environment.restore(&state.environment)?;
            worker.observation.clone_from(&state.observation);
            worker.episode_return = state.episode_return;
        }
        Ok(())
    }
}

impl Worker {
    fn collect(
        &mut self,
        agent: &Agent,
        seed: u64,
        iteration: u64,
        steps: usize,
        bootstrap_truncation: bool,
    ) -> Result<(), task::Error> {
        let (observations, actions) = (agent.shape.input, agent.shape.output);
        let mut inverse = vec![0.0; observations];
        let policy = agent
            .policy(&mut inverse)
            .map_err(|error| task::Error::Request(format!("the policy cannot act: {error}")))?;
        let mut noise = stream(seed, Purpose::Acting, (iteration << 16) | self.index);
        let mut scratch = vec![0.0; policy.scratch_len()];
        let (mut raw, mut epsilon) = (vec![0.0; actions], vec![0.0; actions]);
        let (mut control, mut observation) = (vec![0.0f64; actions], vec![0.0f32; observations]);
        let mut returns = Vec::new();
        let batch = &mut self.batch;
        for _ in 0..steps {
            observation.iter_mut().zip(&self.observation).for_each(|(x, wide)| *x = *wide as f32);
            batch.observations.extend_from_slice(&observation);
            policy.mean(&observation, &mut scratch, &mut raw);
            fill_normal(&mut noise, &mut epsilon);
            policy.perturb(&mut raw, &epsilon);
            batch.actions.extend_from_slice(&raw);
            control.iter_mut().zip(&raw).for_each(|(control, raw)| *control = f64::from(*raw));
            let step = self.environment.step(&control, &mut self.observation)?;
            batch.next_observations.extend(self.observation.iter().map(|wide| *wide as f32));
            batch.rewards.push(step.reward as f32);
            self.episode_return += step.reward;
            let ended = step.terminated || step.truncated;
            batch.episode_ends.push(ended);
            batch.ends.push(match (step.terminated, step.truncated) {
                (true, _) => End::Terminated,
                (false, true) if !bootstrap_truncation => End::Terminated,
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
        batch.returns = vec![returns];
        Ok(())
    }
}
