//! Rewinding: rolls out alternative actions from a state of the simulator that the run has visited.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `states` | `[R]` | saved episodes to rewind to |
//! | `actions` | `[R, N, A]` | raw first actions; actions sampled from the policy follow |
//! | `rewards`, `ends` | `[sum of lens]` | branch by branch, each of at most H steps, shorter where its episode ends |
//! | `next_observations` | `[sum of lens, D]` | raw observations after each step |

use super::worker::Worker;
use daa_core::math::advantage::End;
use daa_envs::agent::Agent;
use daa_envs::streams::{Purpose, fill_normal, stream};
use daa_envs::{self as task, State};
use std::ops::Range;
use std::sync::Arc;

/// A request to roll out N first actions from each of R saved states.
#[derive(Debug)]
pub struct Fork {
    /// The agents of all seeds, `[S]`.
    pub agents: Arc<Vec<Agent>>,
    /// Index of the seed and saved episode to rewind to, `[R]`.
    pub states: Vec<(usize, State)>,
    /// Raw first actions, `[R, N, A]`.
    pub actions: Vec<f32>,
    /// First actions per state, N.
    pub num_actions: usize,
    /// Steps of a branch, H, the first action included; a branch is shorter if its episode ends.
    pub horizon: usize,
    /// The seeds of the run, `[S]`.
    pub seeds: Vec<u64>,
    /// Iteration of the run; selects the noise of the actions that follow the first.
    pub iteration: u64,
    /// Whether all N branches of a row use the same noise: their differences then need far fewer rollouts.
    pub common_noise: bool,
    /// Whether reaching the time limit counts as truncation; otherwise it counts as a terminal state.
    pub bootstrap_truncation: bool,
}

/// The trajectories, in the order of the rows and their actions.
#[derive(Debug, Default)]
pub struct Branches {
    /// Steps of each branch, `[R, N]`; 0 if the simulation diverged in the first step.
    pub lens: Vec<usize>,
    /// Reward of each step, branch by branch.
    pub rewards: Vec<f32>,
    /// How each step ended; the last step of a branch is never [`End::Continues`].
    pub ends: Vec<End>,
    /// Raw observation after each step, `[D]` each.
    pub next_observations: Vec<f32>,
}

impl Fork {
    /// The rows that worker `index` of `workers` rolls out.
    pub(super) fn share(&self, index: usize, workers: usize) -> Range<usize> {
        let rows = self.states.len();
        rows * index / workers..rows * (index + 1) / workers
    }
}

impl Branches {
    pub(super) fn append(&mut self, mut other: Self) {
        self.lens.append(&mut other.lens);
        self.rewards.append(&mut other.rewards);
        self.ends.append(&mut other.ends);
        self.next_observations.append(&mut other.next_observations);
    }
}

impl Worker {
    /// Rolls out the actions of some rows, and then restores the worker's own episode.
    pub(super) fn branch(
        &mut self,
        fork: &Fork,
        rows: Range<usize>,
    ) -> Result<Branches, task::Error> {
        let before = self.state();
        let mut branches = Branches::default();
        for row in rows {
            let (seed_index, state) = &fork.states[row];
            let agent = &fork.agents[*seed_index];
            // The noise belongs to the row, not to the worker.
            let number = (fork.iteration << 24) | row as u64;
            let mut noise = stream(fork.seeds[*seed_index], Purpose::Rewinding, number);
            let width = agent.shape.output;
            let actions = fork.actions[row * fork.num_actions * width..].chunks_exact(width);
            for action in actions.take(fork.num_actions) {
                if fork.common_noise {
                    noise = stream(fork.seeds[*seed_index], Purpose::Rewinding, number);
                }
                self.environment.restore(state)?;
                self.roll_out(agent, action, fork, &mut noise, &mut branches)?;
            }
        }
        self.restore(&before)?;
        Ok(branches)
    }

    fn roll_out(
        &mut self,
        agent: &Agent,
        first: &[f32],
        fork: &Fork,
        noise: &mut impl rand::Rng,
        branches: &mut Branches,
    ) -> Result<(), task::Error> {
        let mut inverse = vec![0.0; agent.shape.input];
        let policy = agent
            .policy(&mut inverse)
            .map_err(|error| task::Error::Request(format!("the policy cannot act: {error}")))?;
        let mut scratch = vec![0.0; policy.scratch_len()];
        let (mut raw, mut epsilon) = (first.to_vec(), vec![0.0; first.len()]);
        let mut control = vec![0.0; first.len()];
        let mut observation = vec![0.0f32; agent.shape.input];
        let mut len = 0;
        for h in 0..fork.horizon {
            control.iter_mut().zip(&raw).for_each(|(control, raw)| *control = f64::from(*raw));
            let step = match self.environment.step(&control, &mut self.observation) {
                Ok(step) => step,
                // The action's outcome is unknown: the branch stops before it.
                Err(task::Error::Diverged(_)) => break,
                Err(error) => return Err(error),
            };
            observation.iter_mut().zip(&self.observation).for_each(|(x, wide)| *x = *wide as f32);
            len += 1;
            branches.rewards.push(step.reward as f32);
            branches.next_observations.extend_from_slice(&observation);
            let end = match (step.terminated, step.truncated) {
                (true, _) => End::Terminated,
                (false, true) if !fork.bootstrap_truncation => End::Terminated,
                (false, true) => End::Truncated,
                (false, false) => End::Continues,
            };
            branches.ends.push(end);
            if end != End::Continues {
                break;
            }
            if h + 1 < fork.horizon {
                policy.mean(&observation, &mut scratch, &mut raw);
                fill_normal(noise, &mut epsilon);
                policy.perturb(&mut raw, &epsilon);
            }
        }
        if let (Some(last), true) = (branches.ends.last_mut(), len > 0)
            && *last == End::Continues
        {
            *last = End::Truncated;
        }
        branches.lens.push(len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::agent;
    use super::super::{Batch, Rollout};
    use super::*;
    use crate::settings::Config;
    use daa_core::MlpShape;
    use daa_envs::streams::stream_number;
    use daa_envs::{Environment, find};

    const HORIZON: usize = 6;
    const NUM_ACTIONS: usize = 3;

    fn config(task: &str) -> Config {
        let mut config = Config { task: task.to_owned(), threads: 2, ..Config::default() };
        (config.rollout.num_envs, config.rollout.length) = (2, 260);
        config
    }

    /// Collects a batch and rolls out branches from some of its rows.
    fn branch(
        config: &Config,
        rows: &[usize],
        bootstrap: bool,
    ) -> (Batch, Arc<Vec<Agent>>, Fork, Branches, Rollout) {
        let task = config.find_task().unwrap();
        let shape = MlpShape::new(task.observations.len(), 8, task.actions.len());
        let agents = Arc::new(vec![agent(shape)]);
        let rollout = Rollout::new(config, true).unwrap();
        let batch = rollout.collect(&agents, 0).unwrap();
        let fork = || Fork {
            agents: Arc::clone(&agents),
            states: rows.iter().map(|row| (0, batch.states[*row].clone())).collect(),
            actions: (0..rows.len() * NUM_ACTIONS * shape.output)
                .map(|i| (i as f32 * 0.9).sin())
                .collect(),
            num_actions: NUM_ACTIONS,
            horizon: HORIZON,
            seeds: config.seeds.clone(),
            iteration: 3,
            common_noise: false,
            bootstrap_truncation: bootstrap,
        };
        let branches = rollout.branch(fork()).unwrap();
        (batch.clone(), Arc::clone(&agents), fork(), branches, rollout)
    }

    #[test]
    fn a_branch_equals_a_fresh_simulation_bit_for_bit() {
        // The finger task draws a new target in every episode; the quadruped has actuator activations.
        for name in ["walker-walk", "finger-turn_hard", "quadruped-run"] {
            let config = config(name);
            // The first two rows are of environment 0, the third of environment 1, whose rows start at 260.
            let rows = [17, 40, 260 + 8];
            let (batch, agents, fork, branches, _) = branch(&config, &rows, true);
            let task = find(name).unwrap();
            let (width, actions) = (task.observations.len(), task.actions.len());
            let mut inverse = vec![0.0; width];
            let policy = agents[0].policy(&mut inverse).unwrap();
            let mut scratch = vec![0.0; policy.scratch_len()];
            assert_eq!(branches.lens, [HORIZON; 9]);
            let mut step_index = 0;
            for (which, row) in rows.into_iter().enumerate() {
                let number = (3 << 24) | which as u64;
                let mut noise = stream(1, Purpose::Rewinding, number);
                for n in 0..NUM_ACTIONS {
                    // The reference replays the episode from its start instead of rewinding.
                    let index = (row / 260) as u64;
                    let stream = stream_number(Purpose::Environment, index);
                    let mut fresh = Environment::new(task, 4, 1, stream).unwrap();
                    let mut wide = vec![0.0; width];
                    fresh.reset(&mut wide).unwrap();
                    let start = index as usize * 260;
                    let control =
                        |raw: &[f32]| raw.iter().map(|a| f64::from(*a)).collect::<Vec<_>>();
                    for t in start..row {
                        let raw = &batch.actions[t * actions..(t + 1) * actions];
                        fresh.step(&control(raw), &mut wide).unwrap();
                    }
                    let at = (which * NUM_ACTIONS + n) * actions;
                    let mut raw = fork.actions[at..at + actions].to_vec();
                    for h in 0..HORIZON {
                        let step = fresh.step(&control(&raw), &mut wide).unwrap();
                        let observation: Vec<f32> = wide.iter().map(|x| *x as f32).collect();
                        assert_eq!(branches.rewards[step_index], step.reward as f32);
                        let ours = &branches.next_observations[step_index * width..][..width];
                        assert_eq!(ours, observation);
                        step_index += 1;
                        if h + 1 < HORIZON {
                            let mut epsilon = vec![0.0; actions];
                            policy.mean(&observation, &mut scratch, &mut raw);
                            fill_normal(&mut noise, &mut epsilon);
                            policy.perturb(&mut raw, &epsilon);
                        }
                    }
                }
            }
            assert_eq!(step_index, branches.rewards.len());
            // Negative control: different actions lead to different observations.
            assert_ne!(
                branches.next_observations[..width],
                branches.next_observations[HORIZON * width..][..width]
            );
        }
    }

    #[test]
    fn branching_leaves_no_trace_and_does_not_depend_on_the_threads() {
        let run = |threads: usize, branching: bool| {
            let config = Config { threads, ..config("cartpole-swingup") };
            let rollout = Rollout::new(&config, true).unwrap();
            let agents = Arc::new(vec![agent(MlpShape::new(5, 8, 1))]);
            let batch = rollout.collect(&agents, 0).unwrap();
            let mut branches = Branches::default();
            if branching {
                let fork = Fork {
                    agents: Arc::clone(&agents),
                    states: batch.states.iter().take(50).map(|state| (0, state.clone())).collect(),
                    actions: vec![0.5; 50],
                    num_actions: 1,
                    horizon: 9,
                    seeds: vec![1],
                    iteration: 0,
                    common_noise: false,
                    bootstrap_truncation: true,
                };
                branches = rollout.branch(fork).unwrap();
            }
            (rollout.collect(&agents, 1).unwrap().observations, branches.rewards)
        };
        let (undisturbed, _) = run(2, false);
        let (one, rewards) = run(1, true);
        assert_eq!(one, undisturbed);
        assert_eq!(run(4, true), (one, rewards));
    }

    #[test]
    fn with_common_noise_equal_actions_lead_to_the_same_place() {
        let config = config("cartpole-swingup");
        let agents = Arc::new(vec![agent(MlpShape::new(5, 8, 1))]);
        let rollout = Rollout::new(&config, true).unwrap();
        let batch = rollout.collect(&agents, 0).unwrap();
        let run = |common_noise: bool| {
            let fork = Fork {
                agents: Arc::clone(&agents),
                states: vec![(0, batch.states[30].clone())],
                actions: vec![0.4, 0.4],
                num_actions: 2,
                horizon: 5,
                seeds: vec![1],
                iteration: 0,
                common_noise,
                bootstrap_truncation: true,
            };
            rollout.branch(fork).unwrap().rewards
        };
        let (common, own) = (run(true), run(false));
        assert_eq!(common[..5], common[5..]);
        assert_eq!(own[..5], common[..5], "the first action's noise is the same in both");
        assert_ne!(own[..5], own[5..]);
    }

    #[test]
    fn a_branch_ends_with_its_episode() {
        let config = config("cartpole-swingup");
        // At decision 248 of 250, two steps are left.
        for (bootstrap, end) in [(true, End::Truncated), (false, End::Terminated)] {
            let (.., branches, _) = branch(&config, &[248, 20], bootstrap);
            assert_eq!(branches.lens, [2, 2, 2, HORIZON, HORIZON, HORIZON]);
            assert_eq!(branches.ends[..2], [End::Continues, end]);
            assert_eq!(branches.ends[6 + HORIZON - 1], End::Truncated);
        }
    }
}
