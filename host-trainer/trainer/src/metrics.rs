//! What is recorded of every iteration.

use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What an iteration's time goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The policy in the environments.
    Acting,
    /// The environments themselves: simulation, observations, rewards.
    Environment,
    /// Normalising, values, advantages, replay.
    Preparing,
    /// Training the dynamics.
    Model,
    /// Extra actions and their advantages.
    Extra,
    /// Improving actor and critic.
    Policy,
    /// Evaluation episodes.
    Evaluation,
}

/// Seconds of each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// [`Phase::Acting`]
    pub acting: f64,
    /// [`Phase::Environment`]
    pub environment: f64,
    /// [`Phase::Preparing`]
    pub preparing: f64,
    /// [`Phase::Model`]
    pub model: f64,
    /// [`Phase::Extra`]
    pub extra: f64,
    /// [`Phase::Policy`]
    pub policy: f64,
    /// [`Phase::Evaluation`]
    pub evaluation: f64,
}

impl Times {
    /// The seconds of a phase.
    pub fn slot(&mut self, phase: Phase) -> &mut f64 {
        match phase {
            Phase::Acting => &mut self.acting,
            Phase::Environment => &mut self.environment,
            Phase::Preparing => &mut self.preparing,
            Phase::Model => &mut self.model,
            Phase::Extra => &mut self.extra,
            Phase::Policy => &mut self.policy,
            Phase::Evaluation => &mut self.evaluation,
        }
    }

    /// Adds another's seconds.
    pub fn add(&mut self, other: &Self) {
        self.acting += other.acting;
        self.environment += other.environment;
        self.preparing += other.preparing;
        self.model += other.model;
        self.extra += other.extra;
        self.policy += other.policy;
        self.evaluation += other.evaluation;
    }
}

/// Where the time of an iteration goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Clock {
    /// On the wall.
    pub wall: Times,
    /// Of all threads of this process on all cores.
    pub cpu: Times,
}

impl Clock {
    /// Runs `work` and books its time under `phase`.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let result = work();
        *self.wall.slot(phase) += start.elapsed().as_secs_f64();
        *self.cpu.slot(phase) += cpu_seconds() - cpu;
        result
    }

    /// Books a share of what a phase took under another one.
    pub fn split(&mut self, from: Phase, to: Phase, share: f64) {
        for times in [&mut self.wall, &mut self.cpu] {
            let moved = *times.slot(from) * share;
            *times.slot(from) -= moved;
            *times.slot(to) += moved;
        }
    }
}

/// CPU time of this process so far.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// One iteration of one seed. Times are those of all seeds together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// The first is 1.
    pub iteration: u64,
    /// The seed.
    pub seed: u64,
    /// Of this seed, so far.
    pub decisions: u64,
    /// Mean return of the training episodes that ended in this iteration, actions sampled.
    pub episode_return: Option<f64>,
    /// Mean return of the evaluation's episodes, most probable actions.
    pub evaluation_return: Option<f64>,
    /// Its standard error.
    pub evaluation_stderr: Option<f64>,
    /// Mean return of the evaluation's episodes with sampled actions, as in the papers.
    pub sampled_return: Option<f64>,
    /// Its standard error.
    pub sampled_stderr: Option<f64>,
    /// Surrogate loss.
    pub policy_loss: f64,
    /// Half the mean squared error of the values.
    pub value_loss: f64,
    /// Estimated KL divergence of the old policy from the new one.
    pub kl: f64,
    /// Share of actions outside the clip.
    pub clip_fraction: f64,
    /// Of the critic, before the update.
    pub explained_variance: f64,
    /// Mean logarithm of the policy's deviation.
    pub log_std: f64,
    /// One-step mean squared error of the transition network on this batch, before learning from it.
    pub transition_error: f64,
    /// The same of the reward network.
    pub reward_error: f64,
    /// Correlation of the real and the extra actions' advantages over states.
    pub extra_advantage_correlation: Option<f64>,
    /// Extra actions of each state, N; 0 while there are none.
    pub num_actions: usize,
    /// Steps behind each of them, H; 0 where none are made.
    pub horizon: usize,
    /// Of actor and critic.
    pub learning_rate: f64,
    /// Wall time of the iteration.
    pub seconds: f64,
    /// Decisions of all seeds a second, training included.
    pub decisions_per_second: f64,
    /// Seconds by phase.
    pub clock: Clock,
}

impl Metrics {
    /// The columns of `metrics.csv`, in order: what the configuration and the seed decide, so that the
    /// same run gives the same file.
    pub const COLUMNS: [&str; 20] = [
        "iteration",
        "seed",
        "decisions",
        "episode_return",
        "evaluation_return",
        "evaluation_stderr",
        "sampled_return",
        "sampled_stderr",
        "policy_loss",
        "value_loss",
        "kl",
        "clip_fraction",
        "explained_variance",
        "log_std",
        "transition_error",
        "reward_error",
        "extra_advantage_correlation",
        "num_actions",
        "horizon",
        "learning_rate",
    ];

    /// The columns of `times.csv`, which differs from run to run.
    pub const TIME_COLUMNS: [&str; 11] = [
        "iteration",
        "decisions",
        "seconds",
        "decisions_per_second",
        "seconds_acting",
        "seconds_environment",
        "seconds_preparing",
        "seconds_model",
        "seconds_extra",
        "seconds_policy",
        "seconds_evaluation",
    ];

    /// One line of `metrics.csv`, without its line end. Empty cells are values that there are not.
    #[must_use]
    pub fn csv(&self) -> String {
        let option = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let returns = [
            self.episode_return,
            self.evaluation_return,
            self.evaluation_stderr,
            self.sampled_return,
            self.sampled_stderr,
        ];
        let numbers = [
            self.policy_loss,
            self.value_loss,
            self.kl,
            self.clip_fraction,
            self.explained_variance,
            self.log_std,
            self.transition_error,
            self.reward_error,
        ];
        let mut cells = [self.iteration, self.seed, self.decisions].map(|n| n.to_string()).to_vec();
        cells.extend(returns.map(option));
        cells.extend(numbers.map(|number| number.to_string()));
        cells.push(option(self.extra_advantage_correlation));
        cells.extend([self.num_actions, self.horizon].map(|n| n.to_string()));
        cells.push(self.learning_rate.to_string());
        cells.join(",")
    }

    /// One line of `times.csv`, without its line end.
    #[must_use]
    pub fn times_csv(&self) -> String {
        let clock = &self.clock.wall;
        let times = [
            self.seconds,
            self.decisions_per_second,
            clock.acting,
            clock.environment,
            clock.preparing,
            clock.model,
            clock.extra,
            clock.policy,
            clock.evaluation,
        ];
        let mut cells = [self.iteration, self.decisions].map(|n| n.to_string()).to_vec();
        cells.extend(times.map(|number| format!("{number:.6}")));
        cells.join(",")
    }
}

/// Mean over seeds of a metric; none where no seed has it.
#[must_use]
pub fn mean(seeds: &[Metrics], metric: impl Fn(&Metrics) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = seeds.iter().filter_map(metric).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The evaluation that was best so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// After this many iterations.
    pub iteration: u64,
    /// Mean over seeds and episodes, most probable actions.
    #[serde(rename = "return")]
    pub mean: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_cell_for_every_column() {
        let metrics = Metrics { iteration: 3, evaluation_return: Some(0.5), ..Metrics::default() };
        let line = metrics.csv();
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells.len(), Metrics::COLUMNS.len());
        assert_eq!((cells[0], cells[3], cells[4]), ("3", "", "0.5"));
        assert_eq!(metrics.times_csv().split(',').count(), Metrics::TIME_COLUMNS.len());
    }

    #[test]
    fn means_are_over_the_seeds_that_have_the_metric() {
        let of = |episode_return| Metrics { episode_return, ..Metrics::default() };
        let seeds = [of(Some(1.0)), of(None), of(Some(2.0))];
        assert_eq!(mean(&seeds, |m| m.episode_return), Some(1.5));
        assert_eq!(mean(&seeds, |m| m.evaluation_return), None);
    }
}
