//! Episodes with a policy's most probable or sampled actions, in environments of their own: training
//! never notices.

use crate::agent::Agent;
use crate::streams::{Purpose, fill_normal, stream, stream_number};
use crate::{self as task, Environment, Signal, Task};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which actions an evaluation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actions {
    /// The most probable ones.
    Mean,
    /// Sampled ones, as in the papers.
    Sampled,
}

/// What to evaluate with.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation {
    /// The task.
    pub task: &'static Task,
    /// Control steps for which an action is held.
    pub action_repeat: u32,
    /// Which actions to take.
    pub actions: Actions,
    /// Number of episodes.
    pub episodes: usize,
    /// Episode `i` starts from stream `i` of this seed, whatever the number of threads.
    pub seed: u64,
    /// Worker threads.
    pub threads: usize,
}

/// One episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    /// Undiscounted sum of rewards.
    pub total: f64,
    /// `[decisions, D]` observations that were acted on.
    pub observations: Vec<f32>,
    /// `[decisions, A]` actions, as `core` computed them.
    pub actions: Vec<f32>,
    /// `[decisions]` rewards, summed over the action repeat.
    pub rewards: Vec<f64>,
}

/// Episodes as CSV: a line a decision, with what was observed, what was done, and the reward that followed.
#[must_use]
pub fn trajectories_csv(task: &Task, episodes: &[Episode]) -> String {
    let names = |signals: &[Signal]| -> Vec<String> {
        signals.iter().map(|signal| signal.name.clone()).collect()
    };
    let mut columns = vec!["episode".to_owned(), "decision".to_owned()];
    columns.extend(names(&task.observations).into_iter().map(|name| format!("observation_{name}")));
    columns.extend(names(&task.actions).into_iter().map(|name| format!("action_{name}")));
    columns.push("reward".to_owned());
    let mut text = columns.join(",") + "\n";
    for (number, episode) in episodes.iter().enumerate() {
        let observations = episode.observations.chunks_exact(task.observations.len());
        let actions = episode.actions.chunks_exact(task.actions.len());
        let steps = observations.zip(actions).zip(&episode.rewards);
        for (decision, ((observation, action), reward)) in steps.enumerate() {
            let numbers = observation.iter().chain(action).map(ToString::to_string);
            let numbers: Vec<String> = numbers.collect();
            text += &format!("{number},{decision},{},{reward}\n", numbers.join(","));
        }
    }
    text
}

/// Mean and standard error of the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard error of the mean; 0 for a single value.
    pub standard_error: f64,
}

impl Summary {
    /// Of some values.
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

/// The environment of episode `index` of an evaluation, reset, and its first observation.
///
/// # Errors
/// [`task::Error`].
pub fn episode_environment(
    what: &Evaluation,
    index: usize,
) -> Result<(Environment, Vec<f64>), task::Error> {
    let stream = stream_number(Purpose::Evaluation, index as u64);
    let mut environment = Environment::new(what.task, what.action_repeat, what.seed, stream)?;
    let mut observation = vec![0.0; what.task.observations.len()];
    environment.reset(&mut observation)?;
    Ok((environment, observation))
}

/// Runs episode `index`, asking `act(observation, action)` for every decision.
///
/// # Errors
/// [`task::Error`] of the environment, or what `act` returns.
pub fn run_episode<E: From<task::Error>>(
    what: &Evaluation,
    index: usize,
    act: impl FnMut(&[f32], &mut [f32]) -> Result<(), E>,
) -> Result<Episode, E> {
    run_watched(what, index, act, |_| Ok(()))
}

fn run_watched<E: From<task::Error>>(
    what: &Evaluation,
    index: usize,
    mut act: impl FnMut(&[f32], &mut [f32]) -> Result<(), E>,
    mut look: impl FnMut(&Environment) -> Result<(), E>,
) -> Result<Episode, E> {
    let (mut environment, mut wide) = episode_environment(what, index)?;
    look(&environment)?;
    let mut episode = Episode::default();
    let mut observation = vec![0.0f32; wide.len()];
    let mut action = vec![0.0f32; what.task.actions.len()];
    let mut control = vec![0.0f64; action.len()];
    loop {
        observation.iter_mut().zip(&wide).for_each(|(x, wide)| *x = *wide as f32);
        act(&observation, &mut action)?;
        episode.observations.extend_from_slice(&observation);
        episode.actions.extend_from_slice(&action);
        control.iter_mut().zip(&action).for_each(|(control, action)| *control = f64::from(*action));
        let step = environment.step(&control, &mut wide)?;
        episode.total += step.reward;
        episode.rewards.push(step.reward);
        look(&environment)?;
        if step.terminated || step.truncated {
            return Ok(episode);
        }
    }
}

/// Runs all episodes of an evaluation with an agent's actions.
///
/// # Errors
/// The first [`task::Error`] of any episode.
pub fn evaluate(agent: &Agent, what: &Evaluation) -> Result<Vec<Episode>, task::Error> {
    let episodes: Vec<Mutex<Option<Result<Episode, task::Error>>>> =
        (0..what.episodes).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..what.threads.clamp(1, what.episodes.max(1)) {
            scope.spawn(|| {
                while let (index, Some(slot)) = take(&next, &episodes) {
                    let result = evaluate_one(agent, what, index);
                    if let Ok(mut slot) = slot.lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    let results = episodes.into_iter().filter_map(|slot| slot.into_inner().ok().flatten());
    results.collect()
}

fn take<'a, T>(next: &AtomicUsize, slots: &'a [T]) -> (usize, Option<&'a T>) {
    let index = next.fetch_add(1, Ordering::Relaxed);
    (index, slots.get(index))
}

fn evaluate_one(agent: &Agent, what: &Evaluation, index: usize) -> Result<Episode, task::Error> {
    watch(agent, what, index, |_| Ok(()))
}

/// Runs episode `index` with an agent's actions and shows the environment to `look`
/// at the start and after every decision.
///
/// # Errors
/// [`task::Error`] of the environment, or what `look` returns.
pub fn watch<E: From<task::Error>>(
    agent: &Agent,
    what: &Evaluation,
    index: usize,
    look: impl FnMut(&Environment) -> Result<(), E>,
) -> Result<Episode, E> {
    let mut inverse = vec![0.0; agent.shape.input];
    let policy = agent
        .policy(&mut inverse)
        .map_err(|error| task::Error::Request(format!("the policy cannot act: {error}")))?;
    let mut scratch = vec![0.0; policy.scratch_len()];
    let mut noise = stream(what.seed, Purpose::SampledEvaluation, index as u64);
    let mut epsilon = vec![0.0; agent.shape.output];
    let act = |observation: &[f32], action: &mut [f32]| {
        match what.actions {
            Actions::Mean => policy.mode(observation, &mut scratch, action),
            Actions::Sampled => {
                policy.mean(observation, &mut scratch, action);
                fill_normal(&mut noise, &mut epsilon);
                policy.perturb(action, &epsilon);
            }
        }
        Ok(())
    };
    run_watched(what, index, act, look)
}
