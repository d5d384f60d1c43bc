//! The metrics of an iteration, each defined once.
//!
//! The list in `metrics!` is the source of `metrics.csv`, of `times.csv`, of TensorBoard's tags and of the
//! check for numbers that are not finite; the list in `phases!` is the source of the seconds by phase in the
//! same files, on the terminal and in `bench train`.

use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Defines the phases of an iteration: `Name field "words";` for each.
macro_rules! phases {
    ($($(#[doc = $help:literal])+ $phase:ident $field:ident $words:literal;)+) => {
        /// A part of an iteration that takes time.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Phase {
            $($(#[doc = $help])+ $phase,)+
        }

        /// Seconds of each phase.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
        pub struct Times {
            $($(#[doc = $help])+ pub $field: f64,)+
        }

        impl Phase {
            /// All phases, in the order of an iteration.
            pub const ALL: &[Self] = &[$(Self::$phase,)+];

            /// Name of the phase in files: `seconds_NAME`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$phase => stringify!($field),)+
                }
            }

            /// Name of the phase on the terminal.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$phase => $words,)+
                }
            }
        }

        impl Times {
            /// The seconds of a phase.
            #[must_use]
            pub fn of(&self, phase: Phase) -> f64 {
                match phase {
                    $(Phase::$phase => self.$field,)+
                }
            }

            /// The seconds of a phase, mutable.
            pub fn slot(&mut self, phase: Phase) -> &mut f64 {
                match phase {
                    $(Phase::$phase => &mut self.$field,)+
                }
            }
        }
    };
}

phases! {
    /// The policy in the environments.
    Acting acting "acting";
    /// The environments themselves: simulation, observations, rewards.
    Environment environment "environments";
    /// Normalising, values, advantages, replay.
    Preparing preparing "preparing";
    /// Training what the estimator needs, such as a dynamics model.
    Model model "model";
    /// Extra actions and their advantages.
    Extra extra "extra actions";
    /// Improving actor and critic.
    Policy policy "policy";
    /// Evaluation episodes.
    Evaluation evaluation "evaluation";
}

impl Times {
    /// Adds the seconds of another measurement.
    pub fn add(&mut self, other: &Self) {
        for phase in Phase::ALL {
            *self.slot(*phase) += other.of(*phase);
        }
    }
}

/// Where the time of an iteration goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Clock {
    /// Wall time.
    pub wall: Times,
    /// CPU time of all threads of this process.
    pub cpu: Times,
}

impl Clock {
    /// Runs `work` and adds its time to `phase`.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let result = work();
        *self.wall.slot(phase) += start.elapsed().as_secs_f64();
        *self.cpu.slot(phase) += cpu_seconds() - cpu;
        result
    }

    /// Moves a share of the time of one phase to another.
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

/// The group of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Says which iteration and seed a line is of.
    Place,
    /// A return of episodes.
    Return,
    /// A loss: the run stops when it is not finite.
    Loss,
    /// Another number of the training.
    Train,
    /// A time or a rate: differs from run to run, and is written to `times.csv`.
    Time,
}

/// The definition of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name of its column.
    pub name: &'static str,
    /// Meaning, in one line.
    pub help: &'static str,
    /// Its group.
    pub group: Group,
    /// Its value in an iteration.
    pub value: fn(&Metrics) -> Value,
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// The iteration has no such value: an empty cell.
    Missing,
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<f64>> for Value {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Missing, Self::Number)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number) => match f.precision() {
                Some(precision) => write!(f, "{number:.precision$}"),
                None => write!(f, "{number}"),
            },
            Self::Missing => Ok(()),
        }
    }
}

impl Metric {
    /// TensorBoard's tag; none for a metric that says which line it is.
    #[must_use]
    pub fn tag(&self) -> Option<String> {
        let group = match self.group {
            Group::Place => return None,
            Group::Return => "return",
            Group::Loss | Group::Train => "train",
            Group::Time => "time",
        };
        Some(format!("{group}/{}", self.name))
    }
}

/// Defines the metrics: `name: type, group;` for each, in the order of the columns.
macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $name:ident: $type:ty, $group:ident;)+) => {
        /// One iteration of one seed. Times are those of all seeds together.
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct Metrics {
            $($(#[doc = $help])+ pub $name: $type,)+
            /// Seconds by phase.
            pub clock: Clock,
        }

        /// All metrics, in the order of their columns.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: stringify!($name),
            help: concat!($($help),+),
            group: Group::$group,
            value: |metrics| Value::from(metrics.$name),
        },)+];
    };
}

metrics! {
    /// Number of the iteration; the first is 1.
    iteration: u64, Place;
    /// The seed.
    seed: u64, Place;
    /// Decisions of this seed so far.
    decisions: u64, Place;
    /// Mean return of the training episodes that ended in this iteration, actions sampled.
    episode_return: Option<f64>, Return;
    /// Mean return of the evaluation's episodes, most probable actions.
    evaluation_return: Option<f64>, Return;
    /// Standard error of `evaluation_return`.
    evaluation_stderr: Option<f64>, Return;
    /// Mean return of the evaluation's episodes with sampled actions, as in the papers.
    sampled_return: Option<f64>, Return;
    /// Standard error of `sampled_return`.
    sampled_stderr: Option<f64>, Return;
    /// Surrogate loss.
    policy_loss: f64, Loss;
    /// Half the mean squared error of the values.
    value_loss: f64, Loss;
    /// Estimated KL divergence of the old policy from the new one.
    kl: f64, Train;
    /// Share of actions outside the clip.
    clip_fraction: f64, Train;
    /// Explained variance of the critic, before the update.
    explained_variance: f64, Train;
    /// Mean logarithm of the policy's standard deviation.
    log_std: f64, Train;
    /// One-step mean squared error of the transition network on this batch, before learning from it.
    transition_error: f64, Loss;
    /// One-step mean squared error of the reward network on this batch, before learning from it.
    reward_error: f64, Loss;
    /// Correlation of the real and the extra actions' advantages over states.
    extra_advantage_correlation: Option<f64>, Train;
    /// Extra actions of each state, N; 0 where there are none.
    num_actions: usize, Train;
    /// Steps behind each extra action, H; 0 where no trajectories are simulated.
    horizon: usize, Train;
    /// Learning rate of actor and critic.
    learning_rate: f64, Train;
    /// Wall time of the iteration.
    seconds: f64, Time;
    /// Decisions of all seeds a second, training included.
    decisions_per_second: f64, Time;
}

/// The metrics of `metrics.csv` or of `times.csv`.
fn columns(times: bool) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(move |metric| (metric.group == Group::Time) == times)
}

impl Metrics {
    /// The columns of `metrics.csv`, in order: what the configuration and the seed determine, so that the
    /// same run gives the same file.
    #[must_use]
    pub fn columns() -> Vec<String> {
        columns(false).map(|metric| metric.name.to_owned()).collect()
    }

    /// The columns of `times.csv`, which differs from run to run.
    #[must_use]
    pub fn time_columns() -> Vec<String> {
        let places = ["iteration", "decisions"].map(str::to_owned).into_iter();
        let times = columns(true).map(|metric| metric.name.to_owned());
        let phases = Phase::ALL.iter().map(|phase| format!("seconds_{}", phase.name()));
        places.chain(times).chain(phases).collect()
    }

    /// The cells of a line of `metrics.csv`. A value that the iteration does not have is an empty cell.
    #[must_use]
    pub fn cells(&self) -> Vec<String> {
        columns(false).map(|metric| (metric.value)(self).to_string()).collect()
    }

    /// The cells of a line of `times.csv`.
    #[must_use]
    pub fn time_cells(&self) -> Vec<String> {
        let places = [self.iteration, self.decisions].map(|n| n.to_string()).into_iter();
        let times = columns(true).map(|metric| format!("{:.6}", (metric.value)(self)));
        let phases = Phase::ALL.iter().map(|phase| format!("{:.6}", self.clock.wall.of(*phase)));
        places.chain(times).chain(phases).collect()
    }

    /// The first loss that is not finite, with its name.
    #[must_use]
    pub fn not_finite(&self) -> Option<(String, f64)> {
        let losses = METRICS.iter().filter(|metric| metric.group == Group::Loss);
        losses
            .filter_map(|metric| match (metric.value)(self) {
                Value::Number(value) if !value.is_finite() => {
                    Some((format!("the {}", metric.name.replace('_', " ")), value))
                }
                _ => None,
            })
            .next()
    }
}

/// TensorBoard's tag for a column of `metrics.csv` or `times.csv`, which may be of another version.
#[must_use]
pub fn tag(column: &str) -> Option<String> {
    match METRICS.iter().find(|metric| metric.name == column) {
        Some(metric) => metric.tag(),
        None if column.starts_with("seconds_") => Some(format!("time/{column}")),
        None => Some(format!("train/{column}")),
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
        let cells = metrics.cells();
        assert_eq!(cells.len(), Metrics::columns().len());
        assert_eq!((&cells[0][..], &cells[3][..], &cells[4][..]), ("3", "", "0.5"));
        assert_eq!(metrics.time_cells().len(), Metrics::time_columns().len());
        assert_eq!(metrics.time_cells()[2], "0.000000");
    }

    #[test]
    fn tags_are_grouped_and_places_have_none() {
        for (column, expected) in [
            ("seed", None),
            ("sampled_return", Some("return/sampled_return")),
            ("kl", Some("train/kl")),
            ("decisions_per_second", Some("time/decisions_per_second")),
            ("seconds_model", Some("time/seconds_model")),
        ] {
            assert_eq!(tag(column).as_deref(), expected);
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_is_named() {
        let fine = Metrics { kl: f64::NAN, ..Metrics::default() };
        assert_eq!(fine.not_finite(), None);
        let broken = Metrics { value_loss: f64::INFINITY, ..Metrics::default() };
        assert_eq!(broken.not_finite(), Some(("the value loss".to_owned(), f64::INFINITY)));
    }

    #[test]
    fn means_are_over_the_seeds_that_have_the_metric() {
        let of = |episode_return| Metrics { episode_return, ..Metrics::default() };
        let seeds = [of(Some(1.0)), of(None), of(Some(2.0))];
        assert_eq!(mean(&seeds, |m| m.episode_return), Some(1.5));
        assert_eq!(mean(&seeds, |m| m.evaluation_return), None);
    }
}
