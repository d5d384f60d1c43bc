//! The options of a run as one struct of tables.

use super::estimator::{EstimatorOptions, ModelOptions};
use super::networks::{ActorOptions, CriticOptions};
use super::schedule::{AdviseOptions, EvaluateOptions, RolloutOptions};
use super::update::{NormaliseOptions, PpoOptions, TrpoOptions, UpdateOptions};
use daa_core::math::advantage::Discount;
use daa_envs::{self as task, Task};
use toml::{Table, Value};

fn are_seeds(seeds: &[u64]) -> bool {
    let mut sorted = seeds.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    (1..=1024).contains(&seeds.len()) && sorted.len() == seeds.len()
}

crate::options! {
    /// Every option of a run. Written into the run directory as it was resolved.
    Config {
        /// Preset that the other values started from
        preset: String = "quickstart".to_owned();
        /// Task, named `domain-task` as in dm_control, or the path of a task file
        task: String = "cartpole-swingup".to_owned();
        /// Seeds that are trained together, one policy each
        seeds: Vec<u64> = vec![1], (|seeds: &Vec<u64>| are_seeds(seeds), "1 to 1024 different seeds");
        /// Decisions of each seed; one decision is action_repeat control steps
        decisions: u64 = 100_000, 1..=1 << 40;
        /// Control steps for which an action is held
        action_repeat: u32 = 4, 1..=1000;
        /// Discount gamma
        gamma: f32 = 0.99, 0.0..=1.0;
        /// Lambda of GAE and of the TD(lambda) returns behind extra actions
        lambda: f32 = 0.95, 0.0..=1.0;
        /// Bootstrap at an episode's time limit (false: treat it as terminal, as the papers do)
        bootstrap_truncation: bool = true;
        /// Worker threads (0: one for each core)
        threads: usize = 0, 0..=1024;
        /// Device of the networks: cpu, cuda or cuda:N
        device: String = "cpu".to_owned();
        /// Allow a GPU's matrix products to round to TensorFloat-32
        tf32: bool = false;
        tables {
            /// The batch of an iteration
            rollout: RolloutOptions;
            /// Where each state's extra actions come from
            estimator: EstimatorOptions;
            /// How actor and critic learn
            update: UpdateOptions;
            /// PPO's surrogate, and the clip of values
            ppo: PpoOptions;
            /// The step of TRPO
            trpo: TrpoOptions;
            /// What is normalised
            normalise: NormaliseOptions;
            /// The policy's network
            actor: ActorOptions;
            /// The network of the states' values
            critic: CriticOptions;
            /// The dynamics model of the estimators dynamics and simulated_states
            model: ModelOptions;
            /// Evaluations
            evaluate: EvaluateOptions;
            /// Advice on more actions or more states
            advise: AdviseOptions;
        }
    }
}

impl Config {
    /// Number of seeds, S.
    #[must_use]
    pub fn num_seeds(&self) -> usize {
        self.seeds.len()
    }

    /// States of one seed in a batch, T.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.rollout.num_envs * self.rollout.length
    }

    /// Iterations of the whole run; the last one may go a little beyond `decisions`.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        self.decisions.div_ceil(self.batch() as u64)
    }

    /// Gamma and lambda.
    #[must_use]
    pub fn discount(&self) -> Discount {
        Discount { gamma: self.gamma, lambda: self.lambda }
    }

    /// Keys in which another configuration differs, with the value here and the value there. Threads do
    /// not count: no result depends on them.
    ///
    /// ```
    /// use daa_trainer::config::Config;
    /// let (mut a, mut b) = (Config::default(), Config::default());
    /// (a.update.epochs, b.threads) = (3, 7);
    /// assert_eq!(a.differences(&b), [("update.epochs".to_owned(), "3".to_owned(), "10".to_owned())]);
    /// ```
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let table = |config: &Self| {
            let comparable = Self { threads: 0, ..config.clone() };
            flat(&Table::try_from(comparable).unwrap_or_default())
        };
        let (ours, theirs) = (table(self), table(other));
        let text =
            |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|key| (key.clone(), text(ours.get(key)), text(theirs.get(key))))
            .filter(|(_, ours, theirs)| ours != theirs)
            .collect()
    }

    /// Learning rate of actor and critic in an iteration, the first being 0: constant, or falling linearly to 0
    /// over the run.
    #[must_use]
    pub fn learning_rate(&self, iteration: u64) -> f64 {
        let progress = iteration as f64 / self.iterations() as f64;
        let share = if self.update.anneal_learning_rate { 1.0 - progress } else { 1.0 };
        self.update.learning_rate * share
    }

    /// Number of worker threads.
    #[must_use]
    pub fn num_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// The task.
    ///
    /// # Errors
    /// [`task::UnknownTask`], with the nearest name.
    pub fn find_task(&self) -> Result<&'static Task, task::Error> {
        task::find(&self.task)
    }

    /// Name of the task as a part of a folder's name.
    #[must_use]
    pub fn short_task(&self) -> &str {
        self.task.split('@').next().unwrap_or(&self.task)
    }
}

/// Tables as one: keys are dotted, `estimator.num_actions`.
///
/// ```
/// let table = "a = 1\n[b]\nc = [2]".parse().unwrap();
/// let keys: Vec<String> = daa_trainer::config::flat(&table).keys().cloned().collect();
/// assert_eq!(keys, ["a", "b.c"]);
/// ```
#[must_use]
pub fn flat(table: &Table) -> Table {
    fn add(path: &str, table: &Table, into: &mut Table) {
        for (key, value) in table {
            let key = format!("{path}{key}");
            match value {
                Value::Table(inner) => add(&format!("{key}."), inner, into),
                value => {
                    into.insert(key, value.clone());
                }
            }
        }
    }
    let mut flat = Table::new();
    add("", table, &mut flat);
    flat
}
