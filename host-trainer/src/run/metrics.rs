//! What is recorded of every iteration.

use serde::Serialize;
use std::time::Instant;

/// What an iteration's time goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Environments and the policy in them.
    Acting,
    /// Normalising, values, advantages, replay.
    Preparing,
    /// Training the dynamics.
    Model,
    /// Extra actions and their advantages.
    Imagination,
    /// Improving actor and critic.
    Policy,
    /// Evaluation episodes.
    Evaluation,
}

/// Seconds of each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Clock {
    /// [`Phase::Acting`]
    pub acting: f64,
    /// [`Phase::Preparing`]
    pub preparing: f64,
    /// [`Phase::Model`]
    pub model: f64,
    /// [`Phase::Imagination`]
    pub imagination: f64,
    /// [`Phase::Policy`]
    pub policy: f64,
    /// [`Phase::Evaluation`]
    pub evaluation: f64,
}

impl Clock {
    /// Runs `work` and books its time under `phase`.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        *self.slot(phase) += start.elapsed().as_secs_f64();
        result
    }

    fn slot(&mut self, phase: Phase) -> &mut f64 {
        match phase {
            Phase::Acting => &mut self.acting,
            Phase::Preparing => &mut self.preparing,
            Phase::Model => &mut self.model,
            Phase::Imagination => &mut self.imagination,
            Phase::Policy => &mut self.policy,
            Phase::Evaluation => &mut self.evaluation,
        }
    }

    /// Adds another clock's times.
    pub fn add(&mut self, other: &Self) {
        self.acting += other.acting;
        self.preparing += other.preparing;
        self.model += other.model;
        self.imagination += other.imagination;
        self.policy += other.policy;
        self.evaluation += other.evaluation;
    }
}

/// One iteration. Means over seeds where there are several.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// The first is 1.
    pub iteration: u64,
    /// Of each seed, so far.
    pub decisions: u64,
    /// Mean return of the training episodes that ended in this iteration, actions sampled.
    pub episode_return: Option<f64>,
    /// Mean return of the evaluation's episodes, most probable actions.
    pub evaluation_return: Option<f64>,
    /// Its standard error.
    pub evaluation_stderr: Option<f64>,
    /// Clipped surrogate loss.
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
    /// Correlation of real and imagined advantages over states.
    pub extra_advantage_correlation: Option<f64>,
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
    /// The columns of `metrics.csv`, in order.
    pub const COLUMNS: [&str; 23] = [
        "iteration",
        "decisions",
        "episode_return",
        "evaluation_return",
        "evaluation_stderr",
        "policy_loss",
        "value_loss",
        "kl",
        "clip_fraction",
        "explained_variance",
        "log_std",
        "transition_error",
        "reward_error",
        "extra_advantage_correlation",
        "learning_rate",
        "seconds",
        "decisions_per_second",
        "seconds_acting",
        "seconds_preparing",
        "seconds_model",
        "seconds_imagination",
        "seconds_policy",
        "seconds_evaluation",
    ];

    /// One line of `metrics.csv`, without its line end. Empty cells are values that there are not.
    #[must_use]
    pub fn csv(&self) -> String {
        let option = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let clock = &self.clock;
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
        let times = [
            self.learning_rate,
            self.seconds,
            self.decisions_per_second,
            clock.acting,
            clock.preparing,
            clock.model,
            clock.imagination,
            clock.policy,
            clock.evaluation,
        ];
        let mut cells = vec![self.iteration.to_string(), self.decisions.to_string()];
        cells.extend(
            [self.episode_return, self.evaluation_return, self.evaluation_stderr].map(option),
        );
        cells.extend(numbers.map(|number| number.to_string()));
        cells.push(option(self.extra_advantage_correlation));
        cells.extend(times.map(|number| number.to_string()));
        cells.join(",")
    }
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
        assert_eq!((cells[0], cells[2], cells[3]), ("3", "", "0.5"));
    }
}
