//! Options of `host-trainer variance`, with defaults, presets and help from the configuration system of training.

use super::table::TABLE_1;
use daa_core::Activation;
use daa_trainer::config::options::{AboveZero, NotNegative};
use daa_trainer::config::{ConfigError, Preset, Sources, resolve_from};

/// Presets of a measurement; the first is the default.
pub(super) const PRESETS: [Preset; 2] = [
    Preset {
        name: "table-1",
        text: "",
        about: "the setting of the paper's Table 1: these defaults",
    },
    Preset { name: "quick", text: include_str!("quick.toml"), about: "a first look in seconds" },
];

fn widths(hidden: &[u16]) -> bool {
    !hidden.is_empty() && hidden.iter().all(|width| (1..=4096).contains(width))
}

daa_trainer::options! {
    /// Every option of a measurement.
    VarianceConfig {
        /// Preset that the other values started from
        preset: String = "table-1".to_owned();
        /// Tasks, one measurement each
        tasks: Vec<String> = TABLE_1.iter().map(|row| row.task.to_owned()).collect();
        /// Seed
        seed: u64 = 1;
        /// Control steps for which an action is held
        action_repeat: u32 = 4, 1..=100;
        /// Discount gamma of a decision
        gamma: f64 = 0.99, 0.0..=1.0;
        /// Worker threads (0: one for each core)
        threads: usize = 0, 0..=1024;
        tables {
            /// The new policy that is measured without --policy
            new_policy: NewPolicyOptions;
            /// The measurement
            measure: MeasureOptions;
        }
    }
}

daa_trainer::options! {
    /// A new policy, after some steps of plain gradient ascent.
    NewPolicyOptions {
        /// Widths of the hidden layers
        hidden: Vec<u16> = vec![128], (|hidden: &Vec<u16>| widths(hidden), "widths of 1 to 4096, one for each hidden layer");
        /// Activation: relu, leaky_relu, tanh or silu
        activation: Activation = Activation::Relu;
        /// Steps of gradient ascent before the measurement
        updates: usize = 20, 0..=10_000;
        /// States of each step, in trajectories of measure.trajectory_length
        update_states: usize = 5500, 1..=10_000_000;
        /// Learning rate of the steps
        learning_rate: f64 = 0.1, NotNegative;
    }
}

daa_trainer::options! {
    /// Size of the measurement.
    MeasureOptions {
        /// States, rounded up to whole trajectories
        states: usize = 10_000, 1..=10_000_000;
        /// Actions of each state, including the action taken
        actions: usize = 3, 3..=1000;
        /// Rollouts of each action in the rewound simulator; their mean return is its Q-value
        rollouts: usize = 2, 1..=10_000;
        /// Decisions of a rollout
        horizon: usize = 100, 1..=1000;
        /// Decisions of a trajectory, T
        trajectory_length: usize = 100, 2..=1000;
        /// Number of actions N of each state in training; the verdict is about one more
        now: usize = 1, 1..=4096;
        /// Cost of one more action in every state, in trajectories (delta)
        extension: f64 = 1.0, AboveZero;
    }
}

/// Flags for often used options. A flag replaces any `--set` of its option.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct Flags {
    /// Task (tasks); may be given several times
    #[arg(long)]
    pub(super) task: Vec<String>,
    /// Number of actions of each state in training (measure.now)
    #[arg(long, value_name = "N")]
    now: Option<usize>,
    /// Steps of plain gradient ascent before the measurement (new_policy.updates)
    #[arg(long)]
    updates: Option<usize>,
    /// States of each of these steps (new_policy.update_states)
    #[arg(long)]
    update_states: Option<usize>,
    /// Learning rate of these steps (new_policy.learning_rate)
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Widths of the new policy's hidden layers, such as 64,64 (new_policy.hidden)
    #[arg(long, value_delimiter = ',')]
    hidden: Vec<u16>,
    /// Activation of the new policy (new_policy.activation)
    #[arg(long)]
    activation: Option<String>,
    /// States to measure (measure.states)
    #[arg(long)]
    states: Option<usize>,
    /// Actions of each state (measure.actions)
    #[arg(long)]
    actions: Option<usize>,
    /// Rollouts of each action (measure.rollouts)
    #[arg(long)]
    rollouts: Option<usize>,
    /// Decisions of a rollout (measure.horizon)
    #[arg(long)]
    horizon: Option<usize>,
    /// Decisions of a trajectory (measure.trajectory_length)
    #[arg(long)]
    trajectory_len: Option<usize>,
    /// Discount of a decision (gamma)
    #[arg(long)]
    discount: Option<f64>,
    /// Control steps of a decision (action_repeat)
    #[arg(long)]
    action_repeat: Option<usize>,
    /// Cost of one more action in every state, in trajectories (measure.extension)
    #[arg(long)]
    extension: Option<f64>,
    /// Seed (seed)
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Worker threads; 0: one for each core (threads)
    #[arg(long)]
    threads: Option<usize>,
}

impl Flags {
    /// The flags as `key=value` assignments.
    pub(super) fn assignments(&self) -> Vec<String> {
        let text = |value: Option<usize>| value.map(|value| value.to_string());
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let pairs = [
            ("tasks", (!self.task.is_empty()).then(|| format!("{:?}", self.task))),
            ("measure.now", text(self.now)),
            ("new_policy.updates", text(self.updates)),
            ("new_policy.update_states", text(self.update_states)),
            ("new_policy.learning_rate", number(self.learning_rate)),
            ("new_policy.hidden", (!self.hidden.is_empty()).then(|| format!("{:?}", self.hidden))),
            ("new_policy.activation", self.activation.clone()),
            ("measure.states", text(self.states)),
            ("measure.actions", text(self.actions)),
            ("measure.rollouts", text(self.rollouts)),
            ("measure.horizon", text(self.horizon)),
            ("measure.trajectory_length", text(self.trajectory_len)),
            ("gamma", number(self.discount)),
            ("action_repeat", text(self.action_repeat)),
            ("measure.extension", number(self.extension)),
            ("seed", self.seed.map(|seed| seed.to_string())),
            ("threads", text(self.threads)),
        ];
        let given = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        given.collect()
    }
}

impl VarianceConfig {
    /// Resolves and checks the options of a measurement.
    pub(super) fn resolve(sources: &Sources) -> Result<Self, ConfigError> {
        use daa_trainer::config::Options;
        let config: Self = resolve_from(&PRESETS, sources, None)?;
        config.check_each("")?;
        Ok(config)
    }

    /// Number of worker threads.
    pub(super) fn num_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// The reason why an option has no effect on the measurement of a given policy; none where it has an effect.
    pub(super) fn without_effect(key: &str) -> Option<&'static str> {
        let of_the_policy =
            ["tasks", "action_repeat"].contains(&key) || key.starts_with("new_policy.");
        of_the_policy.then_some("--policy names a policy that exists, with its task")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_flags_and_keys_are_one_system() {
        let set = |set: &[&str]| {
            let set = set.iter().map(|text| (*text).to_owned()).collect();
            VarianceConfig::resolve(&Sources { preset: Some("quick".to_owned()), file: None, set })
        };
        let quick = set(&["measure.states=70"]).unwrap();
        assert_eq!((quick.measure.states, quick.measure.horizon), (70, 20));
        assert_eq!((quick.new_policy.hidden, quick.tasks.len()), (vec![32], 6));
        let message = |text: &str| set(&[text]).unwrap_err().to_string();
        assert!(message("measure.horizont=3").contains("did you mean measure.horizon?"));
        assert!(message("measure.actions=2").contains("measure.actions = 2 is impossible"));
        assert!(message("new_policy.activation=gelu").contains("gelu"));
        let flags = Flags { hidden: vec![8, 9], ..Flags::default() };
        assert_eq!(flags.assignments(), ["new_policy.hidden=[8, 9]"]);
    }
}
