//! Real trajectories: the environments of all seeds, stepped in parallel with actions computed by `daa-core`.
//!
//! A pool of threads lives as long as the run; each thread owns its environments and models. The collected
//! batch does not depend on the number of threads, because noise depends only on (seed, environment, iteration).

mod batch;
mod branch;
mod worker;

pub use batch::{Batch, Spent};
pub use branch::{Branches, Fork};
pub use worker::WorkerState;

use crate::settings::Config;
use batch::Settings;
use daa_envs::agent::Agent;
use daa_envs::streams::{Purpose, stream_number};
use daa_envs::{self as task, Environment};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use worker::Worker;

/// A request to a thread of the pool, for all its workers.
enum Job {
    Collect {
        agents: Arc<Vec<Agent>>,
        iteration: u64,
    },
    /// Roll out branches: worker `i` of the pool takes share `i` of the fork's rows.
    Branch {
        fork: Arc<Fork>,
        first: usize,
        workers: usize,
    },
    Save,
    Restore(Vec<WorkerState>),
}

/// The answer of a thread, with one entry per worker.
enum Answer {
    Collected(Vec<(usize, Batch)>),
    Branched(Branches),
    Saved(Vec<WorkerState>),
    Restored,
    Failed(task::Error),
}

/// A thread of the pool and the channels to it.
#[derive(Debug)]
struct Thread {
    jobs: Option<Sender<Job>>,
    answers: Receiver<Answer>,
    workers: usize,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        // The thread ends when its channel of jobs is closed.
        self.jobs = None;
        if let Some(handle) = self.handle.take() {
            // A panic in the thread was already reported when its answer was missing.
            let _ = handle.join();
        }
    }
}

/// All environments of all seeds.
#[derive(Debug)]
pub struct Rollout {
    threads: Vec<Thread>,
    seeds: usize,
}

impl Rollout {
    /// Loads and resets the environments of a run and starts the threads that step them. `keep_states`: the
    /// batches hold the episode before each decision.
    ///
    /// # Errors
    /// [`task::Error`] when models are missing or a start cannot be drawn.
    pub fn new(config: &Config, keep_states: bool) -> Result<Self, task::Error> {
        let task = config.find_task()?;
        let mut workers = Vec::new();
        for (seed_index, seed) in config.seeds.iter().enumerate() {
            for index in 0..config.rollout.num_envs as u64 {
                let stream = stream_number(Purpose::Environment, index);
                let mut environment = Environment::new(task, config.action_repeat, *seed, stream)?;
                let mut observation = vec![0.0; task.observations.len()];
                environment.reset(&mut observation)?;
                let seed = *seed;
                workers.push(Worker {
                    seed_index,
                    seed,
                    environment,
                    observation,
                    episode_return: 0.0,
                    index,
                });
            }
        }
        let settings = Settings {
            steps: config.rollout.length,
            bootstrap_truncation: config.bootstrap_truncation,
            keep_states,
        };
        let share = workers.len().div_ceil(config.num_threads().max(1));
        let mut threads = Vec::new();
        while !workers.is_empty() {
            let rest = workers.split_off(share.min(workers.len()));
            threads.push(Thread::start(std::mem::replace(&mut workers, rest), settings));
        }
        Ok(Self { threads, seeds: config.seeds.len() })
    }

    /// Sends every thread a job and returns the answers in the order of the workers.
    fn all(&self, mut job: impl FnMut(usize) -> Job) -> Result<Vec<Answer>, task::Error> {
        let mut first = 0;
        for thread in &self.threads {
            if let Some(jobs) = &thread.jobs {
                // A thread that has ended is noticed below: its answer is missing.
                let _ = jobs.send(job(first));
            }
            first += thread.workers;
        }
        let answers: Vec<_> = self.threads.iter().map(|thread| thread.answers.recv()).collect();
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(Answer::Failed(error)) => Err(error),
                Ok(answer) => Ok(answer),
                Err(_) => Err(task::Error::Request(
                    "a rollout thread panicked: its own message is above".to_owned(),
                )),
            })
            .collect()
    }

    /// Steps every environment `rollout.length` times with the agent of its seed, and returns the batch.
    ///
    /// # Errors
    /// The first [`task::Error`] of any environment. A divergence is recorded in the batch and is not an error,
    /// unless it repeats.
    pub fn collect(&self, agents: &Arc<Vec<Agent>>, iteration: u64) -> Result<Batch, task::Error> {
        let answers = self.all(|_| Job::Collect { agents: Arc::clone(agents), iteration })?;
        let mut batch = Batch { returns: vec![Vec::new(); self.seeds], ..Batch::default() };
        for answer in answers {
            let Answer::Collected(parts) = answer else { continue };
            for (seed_index, mut part) in parts {
                batch.observations.append(&mut part.observations);
                batch.next_observations.append(&mut part.next_observations);
                batch.actions.append(&mut part.actions);
                batch.rewards.append(&mut part.rewards);
                batch.ends.append(&mut part.ends);
                batch.episode_ends.append(&mut part.episode_ends);
                batch.divergences.append(&mut part.divergences);
                batch.environment.inside += part.environment.inside;
                batch.environment.all += part.environment.all;
                batch.states.append(&mut part.states);
                batch.returns[seed_index].extend(part.returns.into_iter().flatten());
            }
        }
        Ok(batch)
    }

    /// Rolls out every first action of a fork in the rewound simulator. Afterwards all environments are back in
    /// the states that they had before.
    ///
    /// # Errors
    /// The first [`task::Error`] of any environment.
    pub fn branch(&self, fork: Fork) -> Result<Branches, task::Error> {
        let workers = self.threads.iter().map(|thread| thread.workers).sum();
        let fork = Arc::new(fork);
        let answers = self.all(|first| Job::Branch { fork: Arc::clone(&fork), first, workers })?;
        let mut branches = Branches::default();
        for answer in answers {
            if let Answer::Branched(part) = answer {
                branches.append(part);
            }
        }
        Ok(branches)
    }

    /// The states of all workers, for checkpoints.
    ///
    /// # Errors
    /// [`task::Error`] when a thread panicked.
    pub fn state(&self) -> Result<Vec<WorkerState>, task::Error> {
        let answers = self.all(|_| Job::Save)?;
        let states = answers.into_iter().filter_map(|answer| match answer {
            Answer::Saved(states) => Some(states),
            _ => None,
        });
        Ok(states.flatten().collect())
    }

    /// Restores the states of all workers.
    ///
    /// # Errors
    /// [`task::Error`] when the number of states or the size of a state does not fit this run.
    pub fn restore(&self, states: &[WorkerState]) -> Result<(), task::Error> {
        let workers: usize = self.threads.iter().map(|thread| thread.workers).sum();
        if states.len() != workers {
            let saved = states.len();
            return Err(task::Error::Request(format!(
                "the checkpoint holds {saved} environments, the run has {workers}"
            )));
        }
        let mut threads = self.threads.iter();
        self.all(|first| {
            let len = threads.next().map_or(0, |thread| thread.workers);
            Job::Restore(states[first..first + len].to_vec())
        })?;
        Ok(())
    }
}

impl Thread {
    fn start(mut workers: Vec<Worker>, settings: Settings) -> Self {
        let (jobs, inbox) = channel();
        let (outbox, answers) = channel();
        let count = workers.len();
        let handle = std::thread::spawn(move || {
            while let Ok(job) = inbox.recv() {
                if outbox.send(answer(&mut workers, job, settings)).is_err() {
                    break;
                }
            }
        });
        Self { jobs: Some(jobs), answers, workers: count, handle: Some(handle) }
    }
}

fn answer(workers: &mut [Worker], job: Job, settings: Settings) -> Answer {
    let result = match job {
        Job::Collect { agents, iteration } => workers
            .iter_mut()
            .map(|worker| {
                let batch = worker.collect(&agents[worker.seed_index], iteration, settings)?;
                Ok((worker.seed_index, batch))
            })
            .collect::<Result<_, _>>()
            .map(Answer::Collected),
        Job::Branch { fork, first, workers: all } => {
            let mut branches = Branches::default();
            let mut shares = workers.iter_mut().enumerate();
            shares
                .try_for_each(|(i, worker)| {
                    branches.append(worker.branch(&fork, fork.share(first + i, all))?);
                    Ok(())
                })
                .map(|()| Answer::Branched(branches))
        }
        Job::Save => Ok(Answer::Saved(workers.iter().map(Worker::state).collect())),
        Job::Restore(states) => workers
            .iter_mut()
            .zip(&states)
            .try_for_each(|(worker, state)| worker.restore(state))
            .map(|()| Answer::Restored),
    };
    result.unwrap_or_else(Answer::Failed)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use daa_core::math::advantage::End;
    use daa_core::{Activation, MlpShape};
    use daa_envs::running_stats::{ObservationScale, RunningStatistics};

    pub(super) fn agent(shape: MlpShape) -> Agent {
        let weights = (0..shape.params() + shape.output).map(|i| (i as f32).sin() * 0.3).collect();
        let scale = ObservationScale::new(&RunningStatistics::new(shape.input), false, 10.0);
        Agent::new(shape, Activation::Tanh, weights, scale)
    }

    fn collect(threads: usize, seeds: Vec<u64>) -> Batch {
        let mut config = Config { threads, seeds, ..Config::default() };
        (config.rollout.num_envs, config.rollout.length) = (3, 300);
        let agents = Arc::new(vec![agent(MlpShape::new(5, 8, 1)); config.num_seeds()]);
        Rollout::new(&config, false).unwrap().collect(&agents, 4).unwrap()
    }

    #[test]
    fn what_is_collected_does_not_depend_on_the_threads() {
        let one = collect(1, vec![1, 2]);
        for threads in [2, 4, 7] {
            let many = collect(threads, vec![1, 2]);
            assert_eq!(one.observations, many.observations);
            assert_eq!(one.rewards, many.rewards);
            assert_eq!(one.ends, many.ends);
        }
        // A seed collects the same batch alone: the second half of the batch of two seeds is the batch of seed 2.
        let alone = collect(2, vec![2]);
        assert_eq!(alone.actions, one.actions[one.actions.len() / 2..]);
    }

    #[test]
    fn episodes_end_after_250_decisions_and_the_batch_is_bootstrapped() {
        let batch = collect(2, vec![1]);
        assert_eq!(batch.rewards.len(), 900);
        for (t, end) in batch.ends.iter().enumerate() {
            let expected =
                if matches!(t % 300, 249 | 299) { End::Truncated } else { End::Continues };
            assert_eq!(*end, expected, "{t}");
            assert_eq!(batch.episode_ends[t], t % 300 == 249);
        }
        assert_eq!(batch.returns[0].len(), 3);
        let first: f32 = batch.rewards[..250].iter().sum();
        assert!((f64::from(first) - batch.returns[0][0]).abs() < 1e-3);
        // The observation after a step is the observation before the next step, except at an episode's end.
        assert_eq!(batch.next_observations[..5], batch.observations[5..10]);
        let end = 249 * 5;
        assert_ne!(batch.next_observations[end..end + 5], batch.observations[end + 5..end + 10]);
    }

    #[test]
    fn a_time_limit_is_terminal_when_bootstrapping_is_off() {
        let mut config = Config { bootstrap_truncation: false, ..Config::default() };
        (config.rollout.num_envs, config.rollout.length) = (1, 300);
        let agents = Arc::new(vec![agent(MlpShape::new(5, 8, 1))]);
        let batch = Rollout::new(&config, false).unwrap().collect(&agents, 0).unwrap();
        assert_eq!(batch.ends[249], End::Terminated);
        // The end of the batch is not the end of an episode: it is bootstrapped with either setting.
        assert_eq!(batch.ends[299], End::Truncated);
    }

    #[test]
    fn a_saved_rollout_goes_on_bit_for_bit_with_other_threads() {
        let mut config = Config { threads: 1, ..Config::default() };
        (config.rollout.num_envs, config.rollout.length) = (3, 130);
        let agents = Arc::new(vec![agent(MlpShape::new(5, 8, 1))]);
        let first = Rollout::new(&config, false).unwrap();
        first.collect(&agents, 0).unwrap();
        let state = first.state().unwrap();
        let second = Rollout::new(&Config { threads: 2, ..config }, false).unwrap();
        second.restore(&state).unwrap();
        let (a, b) = (first.collect(&agents, 1).unwrap(), second.collect(&agents, 1).unwrap());
        assert_eq!(a.observations, b.observations);
        assert_eq!(a.returns, b.returns);
        assert!(second.restore(&state[1..]).is_err());
    }
}
