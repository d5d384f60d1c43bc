//! Evaluation: episodes with a policy's most probable or sampled actions. They run in separate
//! environments with separate random streams, so that evaluating does not change training.

use crate::act::{Actor, Rollout};
use crate::agent::Agent;
use crate::env::Environment;
use crate::error::Error;
use crate::parallel;
use crate::streams::{Purpose, stream, stream_number};
use crate::task::{Signal, Task};

/// The actions that an evaluation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actions {
    /// The most probable action of each decision.
    Mean,
    /// Actions sampled from the policy, as in the papers.
    Sampled,
}

/// Settings of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation {
    /// The task.
    pub task: &'static Task,
    /// Control steps for which an action is held.
    pub action_repeat: u32,
    /// The actions to take.
    pub actions: Actions,
    /// Number of episodes.
    pub episodes: usize,
    /// Episode `i` starts from stream `i` of this seed, for every number of threads.
    pub seed: u64,
    /// Worker threads.
    pub threads: usize,
}

/// The record of an episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    /// Undiscounted sum of rewards.
    pub total: f64,
    /// `[decisions, D]` observations before each action.
    pub observations: Vec<f32>,
    /// `[decisions, A]` actions, as `daa_core` computed them.
    pub actions: Vec<f32>,
    /// `[decisions]` rewards, summed over the action repeat.
    pub rewards: Vec<f64>,
}

/// Episodes as CSV: a row for each decision, with the observation, the action, and the reward that
/// followed.
///
/// # Errors
/// Where an episode has another number of columns than the task has signals.
pub fn trajectories_csv(task: &Task, episodes: &[Episode]) -> anyhow::Result<String> {
    let named = |prefix: &'static str, signals: &[Signal]| -> Vec<String> {
        signals.iter().map(|signal| format!("{prefix}_{}", signal.name)).collect()
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["episode".to_owned(), "decision".to_owned()];
    header.extend(named("observation", &task.observations));
    header.extend(named("action", &task.actions));
    header.push("reward".to_owned());
    writer.write_record(&header)?;
    for (number, episode) in episodes.iter().enumerate() {
        let observations = episode.observations.chunks_exact(task.observations.len());
        let actions = episode.actions.chunks_exact(task.actions.len());
        let decisions = observations.zip(actions).zip(&episode.rewards);
        for (decision, ((observation, action), reward)) in decisions.enumerate() {
            writer.write_field(number.to_string())?;
            writer.write_field(decision.to_string())?;
            for value in observation.iter().chain(action) {
                writer.write_field(value.to_string())?;
            }
            writer.write_record([reward.to_string()])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard error of the mean; 0 for a single value.
    pub standard_error: f64,
}

impl Summary {
    /// Mean and standard error of some values.
    ///
    /// ```
    /// use daa_envs::evaluate::Summary;
    /// // Variance ((1-3)^2 + (3-3)^2 + (5-3)^2) / 2 = 4, standard error sqrt(4 / 3).
    /// let summary = Summary::of(&[1.0, 3.0, 5.0]);
    /// assert_eq!(summary.mean, 3.0);
    /// assert!((summary.standard_error - (4f64 / 3.0).sqrt()).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let standard_error =
            if values.len() > 1 { (squares / (count - 1.0) / count).sqrt() } else { 0.0 };
        Self { mean, standard_error }
    }
}

/// The environment of episode `index` of an evaluation.
fn environment(what: &Evaluation, index: usize) -> Result<Environment, Error> {
    let stream = stream_number(Purpose::Evaluation, index as u64);
    Environment::new(what.task, what.action_repeat, what.seed, stream)
}

/// The environment of episode `index` of an evaluation, reset, and its first observation.
///
/// # Errors
/// [`Error`] of the environment.
pub fn episode_environment(
    what: &Evaluation,
    index: usize,
) -> Result<(Environment, Vec<f64>), Error> {
    let mut environment = environment(what, index)?;
    let mut observation = vec![0.0; what.task.observations.len()];
    environment.reset(&mut observation)?;
    Ok((environment, observation))
}

/// Runs episode `index` of an evaluation; `act(observation, action)` chooses each action.
///
/// # Errors
/// [`Error`] of the environment, or what `act` returns.
pub fn run_episode<E: From<Error>>(
    what: &Evaluation,
    index: usize,
    act: impl FnMut(&[f32], &mut [f32]) -> Result<(), E>,
) -> Result<Episode, E> {
    run_watched(what, index, act, |_| Ok(()))
}

fn run_watched<E: From<Error>>(
    what: &Evaluation,
    index: usize,
    mut act: impl FnMut(&[f32], &mut [f32]) -> Result<(), E>,
    mut look: impl FnMut(&Environment) -> Result<(), E>,
) -> Result<Episode, E> {
    let mut rollout = Rollout::new(environment(what, index)?)?;
    look(rollout.environment())?;
    let mut episode = Episode::default();
    loop {
        rollout.act(&mut act)?;
        episode.observations.extend_from_slice(rollout.observation());
        episode.actions.extend_from_slice(rollout.action());
        let step = rollout.step()?;
        episode.total += step.reward;
        episode.rewards.push(step.reward);
        look(rollout.environment())?;
        if step.ended() {
            return Ok(episode);
        }
    }
}

/// Runs all episodes of an evaluation with an agent's actions.
///
/// # Errors
/// The first [`Error`] of any episode.
pub fn evaluate(agent: &Agent, what: &Evaluation) -> Result<Vec<Episode>, Error> {
    let run = |index| watch(agent, what, index, |_| Ok(()));
    parallel::map(what.threads, what.episodes, run).into_iter().collect()
}

/// Runs episode `index` with an agent's actions, and calls `look` with the environment at the start
/// and after every decision.
///
/// # Errors
/// [`Error`] of the environment, or what `look` returns.
pub fn watch<E: From<Error>>(
    agent: &Agent,
    what: &Evaluation,
    index: usize,
    look: impl FnMut(&Environment) -> Result<(), E>,
) -> Result<Episode, E> {
    let mut inverse = Vec::new();
    let mut actor = Actor::new(agent, &mut inverse)?;
    let mut noise = stream(what.seed, Purpose::SampledEvaluation, index as u64);
    let act = |observation: &[f32], action: &mut [f32]| {
        match what.actions {
            Actions::Mean => actor.mode(observation, action),
            Actions::Sampled => actor.sample(observation, &mut noise, action),
        }
        Ok(())
    };
    run_watched(what, index, act, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::find;
    use crate::running_stats::{ObservationScale, RunningStatistics};
    use daa_core::{Activation, MlpShape};

    /// A policy of the pendulum with arbitrary weights.
    fn agent() -> Agent {
        let shape = MlpShape::new(3, 4, 1);
        let weights = (0..shape.params() + 1).map(|at| (at as f32).sin()).collect();
        let scale = ObservationScale::new(&RunningStatistics::new(3), false, 10.0);
        Agent::new(shape, Activation::Tanh, weights, scale)
    }

    fn evaluation(actions: Actions, threads: usize) -> Evaluation {
        let task = find("pendulum-swingup").unwrap();
        Evaluation { task, action_repeat: 50, actions, episodes: 5, seed: 3, threads }
    }

    #[test]
    fn episodes_are_the_same_on_every_number_of_threads() {
        let agent = agent();
        for actions in [Actions::Mean, Actions::Sampled] {
            let alone = evaluate(&agent, &evaluation(actions, 1)).unwrap();
            assert_eq!(alone.len(), 5);
            assert_ne!(alone[0], alone[1]);
            for threads in [2, 3, 8] {
                assert_eq!(evaluate(&agent, &evaluation(actions, threads)).unwrap(), alone);
            }
            // The episode alone, decision by decision.
            let what = evaluation(actions, 1);
            let mut decisions = 0;
            let watched = watch(&agent, &what, 4, |_| {
                decisions += 1;
                Ok::<_, Error>(())
            });
            assert_eq!(watched.unwrap(), alone[4]);
            assert_eq!((alone[4].rewards.len(), decisions), (20, 21));
        }
    }

    #[test]
    fn trajectories_are_rows_of_decisions() {
        let task = find("pendulum-swingup").unwrap();
        let episode = Episode {
            total: 1.5,
            observations: vec![1.0, 0.1, -2.0, 0.5, 0.0, 3e-9],
            actions: vec![0.25, -1.0],
            rewards: vec![1.0, 0.5],
        };
        let text = trajectories_csv(task, &[Episode::default(), episode]).unwrap();
        let expected = "\
episode,decision,observation_pole_cos,observation_pole_sin,observation_pole_velocity,action_torque,reward
1,0,1,0.1,-2,0.25,1
1,1,0.5,0,0.000000003,-1,0.5
";
        assert_eq!(text, expected);
    }
}
