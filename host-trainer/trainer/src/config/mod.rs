//! The resolved configuration of a run: default < preset < file < `--set key=value`.

mod arguments;
mod memory;
mod resolve;
mod seeds;

pub use arguments::Arguments;
pub use resolve::{ConfigError, PRESETS, Sources, help, resolve};
pub use seeds::{Seeds, parse_seeds};

use crate::decomposition::Pieces;
use daa_core::Activation;
use daa_core::advantage::Discount;
use daa_core::dynamics::TransitionTarget;
use daa_envs::{self as task, Task};
use serde::{Deserialize, Serialize};

/// Who supplies the extra actions of each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimatorKind {
    /// Nobody: one action a state.
    Single,
    /// The simulator, rewound to each state (AA).
    Rewind,
    /// A network of the actions' values (QAA).
    QNetwork,
    /// A learned dynamics model (DAA).
    Dynamics,
    /// Nobody, but the model adds states (Fig. 4).
    SimulatedStates,
}

impl EstimatorKind {
    /// Whether a dynamics model is learned.
    #[must_use]
    pub fn has_model(self) -> bool {
        matches!(self, Self::Dynamics | Self::SimulatedStates)
    }
}

/// What is done with scored actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// Proximal policy optimisation: several epochs on the clipped surrogate.
    Ppo,
    /// Advantage actor-critic: one pass, the plain policy gradient.
    A2c,
    /// Trust region policy optimisation: one natural-gradient step of a given KL divergence.
    Trpo,
}

/// How the noise of a state's N actions is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseScheme {
    /// Each by itself.
    Independent,
    /// In pairs of opposite sign.
    Antithetic,
    /// Points of a scrambled Sobol sequence (randomised quasi-Monte Carlo).
    Sobol,
}

/// In what the price of an extra action is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionCost {
    /// Of the environment.
    Decisions,
    /// Of this machine.
    Seconds,
}

/// Every option of a run. Written into the run directory as it was resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Preset that the other values started from
    pub preset: String,
    /// Task, `domain-task` as in dm_control, or the TOML file of one of your own
    pub task: String,
    /// Seeds that are trained together, one policy each
    pub seeds: Vec<u64>,
    /// Decisions of each seed (one decision is `action_repeat` control steps)
    pub decisions: u64,
    /// Control steps for which an action is held
    pub action_repeat: u32,
    /// Environments of each seed
    pub environments: usize,
    /// Decisions of each environment between two updates; T is this times `environments`
    pub trajectory_len: usize,
    /// Discount gamma
    pub gamma: f32,
    /// Lambda of GAE and of the imagined TD(lambda)
    pub lambda: f32,
    /// Bootstrap at an episode's time limit (false: the papers' choice, treat it as terminal)
    pub bootstrap_truncation: bool,

    /// Who supplies the extra actions: single (nobody), rewind (AA), q_network (QAA), dynamics (DAA); simulated_states adds states instead
    pub estimator: EstimatorKind,
    /// Extra actions of each state, N; of simulated_states, imagined states for each real one
    pub num_actions: usize,
    /// Imagined or rewound steps behind each extra action, H
    pub horizon: usize,
    /// Share of the run over which N and H grow from 1 to their values (0: at once)
    pub growth: f64,
    /// Weight of the real action beside an extra one's 1
    pub real_weight: f64,
    /// Noise of the N actions: independent, antithetic or sobol
    pub noise: NoiseScheme,

    /// What is done with the scored actions: ppo, a2c or trpo
    pub update: UpdateKind,
    /// Largest perturbation of a mean while learning, as in randomised policy optimisation (0: none)
    pub rpo_alpha: f64,
    /// KL divergence of a step of trpo
    pub trpo_max_kl: f64,
    /// Added to the diagonal of trpo's Fisher matrix
    pub trpo_damping: f64,
    /// Conjugate-gradient steps of trpo
    pub trpo_cg_steps: usize,

    /// Epochs over a batch
    pub epochs: usize,
    /// States of each minibatch
    pub minibatch: usize,
    /// Clip of the probability ratio
    pub clip: f64,
    /// Clip of the change of a value (0: none)
    pub value_clip: f64,
    /// Weight of the value loss
    pub value_coefficient: f64,
    /// Weight of the entropy bonus
    pub entropy_coefficient: f64,
    /// Largest norm of a network's gradient (0: no limit)
    pub max_grad_norm: f64,
    /// Learning rate of actor and critic
    pub learning_rate: f64,
    /// Bring the learning rate to 0 linearly over the run
    pub anneal_learning_rate: bool,
    /// Epsilon of Adam for actor and critic
    pub adam_epsilon: f64,
    /// Bring the advantages of a minibatch, all its states and actions, to mean 0 and deviation 1
    pub normalise_advantages: bool,
    /// Normalise observations by their running mean and deviation
    pub normalise_observations: bool,
    /// Divide rewards by the running deviation of the discounted return
    pub normalise_rewards: bool,
    /// Largest magnitude of a normalised observation
    pub observation_clip: f32,

    /// Hidden width of the actor
    pub actor_hidden: usize,
    /// Hidden width of the critic
    pub critic_hidden: usize,
    /// Activation of actor and critic: relu, leaky_relu, tanh or silu
    pub activation: Activation,
    /// Logarithm of the policy's deviation at the start
    pub initial_log_std: f32,

    /// Hidden width of the transition network
    pub transition_hidden: usize,
    /// Hidden width of the reward network
    pub reward_hidden: usize,
    /// Activation of the dynamics
    pub model_activation: Activation,
    /// One trunk of transition_hidden for transition and reward, instead of two networks
    pub common_trunk: bool,
    /// What the transition network predicts: next (the papers') or difference
    pub transition_target: TransitionTarget,
    /// Learning rate of the dynamics
    pub model_learning_rate: f64,
    /// Epsilon of Adam for the dynamics
    pub model_adam_epsilon: f64,
    /// Transitions of each minibatch of the dynamics
    pub model_minibatch: usize,
    /// Gradient steps of the dynamics between two updates
    pub model_steps: usize,
    /// Gradient steps of the dynamics the first time
    pub model_first_steps: usize,
    /// Decisions before which the dynamics are neither trained nor used
    pub model_start: u64,
    /// Round the widest products of the dynamics, and of imagined steps, to bfloat16: faster where the processor has AVX-512 BF16, or on a GPU
    pub model_bf16: bool,
    /// Transitions that the replay buffer holds
    pub replay_capacity: usize,

    /// Iterations between two evaluations (0: only at the end)
    pub evaluate_every: usize,
    /// Episodes of an evaluation with the most probable actions
    pub evaluate_episodes: usize,
    /// Episodes of an evaluation with sampled actions, as in the papers (0: none)
    pub sampled_episodes: usize,
    /// Iterations between two verdicts on more actions or more states, in advice.csv (0: none; every 5 with auto_actions)
    pub advise: usize,
    /// What an extra action costs, in: decisions of the environment (none but for rewind), or measured seconds
    pub advise_cost: ActionCost,
    /// Choose N by the verdicts, starting from num_actions; by seconds no two runs are the same
    pub auto_actions: bool,
    /// Least N that may be chosen
    pub auto_min: usize,
    /// Largest N that may be chosen
    pub auto_max: usize,
    /// Worker threads (0: one for each core)
    pub threads: usize,
    /// Device of the networks: cpu, cuda or cuda:N
    pub device: String,
    /// Allow a GPU's matrix products to round to TensorFloat-32
    pub tf32: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            preset: "quickstart".to_owned(),
            task: "cartpole-swingup".to_owned(),
            seeds: vec![1],
            decisions: 100_000,
            action_repeat: 4,
            environments: 8,
            trajectory_len: 256,
            gamma: 0.99,
            lambda: 0.95,
            bootstrap_truncation: true,
            estimator: EstimatorKind::Dynamics,
            num_actions: 8,
            horizon: 8,
            growth: 0.0,
            real_weight: 1.0,
            noise: NoiseScheme::Antithetic,
            update: UpdateKind::Ppo,
            rpo_alpha: 0.0,
            trpo_max_kl: 0.01,
            trpo_damping: 0.1,
            trpo_cg_steps: 10,
            epochs: 10,
            minibatch: 64,
            clip: 0.2,
            value_clip: 0.0,
            value_coefficient: 0.5,
            entropy_coefficient: 0.0,
            max_grad_norm: 0.5,
            learning_rate: 1e-3,
            anneal_learning_rate: true,
            adam_epsilon: 1e-5,
            normalise_advantages: true,
            normalise_observations: true,
            normalise_rewards: true,
            observation_clip: 10.0,
            actor_hidden: 64,
            critic_hidden: 64,
            activation: Activation::Tanh,
            initial_log_std: -0.5,
            transition_hidden: 64,
            reward_hidden: 64,
            model_activation: Activation::Silu,
            common_trunk: false,
            transition_target: TransitionTarget::Difference,
            model_learning_rate: 1e-3,
            model_adam_epsilon: 1e-8,
            model_minibatch: 256,
            model_steps: 400,
            model_first_steps: 1600,
            model_start: 4096,
            model_bf16: false,
            replay_capacity: 200_000,
            evaluate_every: 5,
            evaluate_episodes: 10,
            sampled_episodes: 4,
            advise: 0,
            advise_cost: ActionCost::Decisions,
            auto_actions: false,
            auto_min: 1,
            auto_max: 32,
            threads: 0,
            device: "cpu".to_owned(),
            tf32: false,
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
        self.environments * self.trajectory_len
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
    /// use crate::config::Config;
    /// let (a, b) = (Config { epochs: 3, ..Config::default() }, Config { threads: 7, ..Config::default() });
    /// let found = a.differences(&b);
    /// assert_eq!(found, [("epochs".to_owned(), "3".to_owned(), b.epochs.to_string())]);
    /// ```
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let table = |config: &Self| {
            toml::Table::try_from(Self { threads: 0, ..config.clone() }).unwrap_or_default()
        };
        let (ours, theirs) = (table(self), table(other));
        let text = |value: Option<&toml::Value>| {
            value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
        };
        let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|key| (key.clone(), text(ours.get(key)), text(theirs.get(key))))
            .filter(|(_, ours, theirs)| ours != theirs)
            .collect()
    }

    /// Gradient clip, if any.
    #[must_use]
    pub fn max_norm(&self) -> Option<f64> {
        (self.max_grad_norm > 0.0).then_some(self.max_grad_norm)
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

    /// Checks what is asked of the advisor.
    fn check_advice(&self) -> Result<(), ConfigError> {
        if self.advise == 0 && !self.auto_actions {
            return Ok(());
        }
        let auto = self.auto_actions;
        let has_actions =
            !matches!(self.estimator, EstimatorKind::Single | EstimatorKind::SimulatedStates);
        let pieces = Pieces::of(self.environments, self.trajectory_len).is_some();
        let bounds = self.auto_min..=self.auto_max;
        let rules = [
            (
                has_actions,
                if auto { "auto_actions" } else { "advise" },
                "an estimator with extra actions: rewind, q_network or dynamics (for others, `host-trainer variance --policy RUN` measures afterwards)",
            ),
            (pieces, "trajectory_len", "with advice, 16 pieces of a batch with two decisions each"),
            (
                !auto || self.num_seeds() == 1,
                "auto_actions",
                "one seed a run: N would depend on all of them",
            ),
            (!auto || self.growth == 0.0, "growth", "0 with auto_actions, which chooses N itself"),
            (
                !auto || bounds.contains(&self.num_actions),
                "num_actions",
                "auto_min to auto_max with auto_actions",
            ),
        ];
        let Some((_, key, possible)) = rules.into_iter().find(|(holds, ..)| !holds) else {
            return Ok(());
        };
        let table = toml::Table::try_from(self).unwrap_or_default();
        let value = table.get(key).map_or_else(String::new, ToString::to_string);
        Err(ConfigError::Impossible { key, value, possible })
    }

    /// Name of the task as a part of a folder's name.
    #[must_use]
    pub fn short_task(&self) -> &str {
        self.task.split('@').next().unwrap_or(&self.task)
    }

    /// Checks every value that could be impossible, alone or together with others.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`] with the key, the value and what is possible.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.find_task()?;
        let impossible = |key: &'static str, value: String, possible: &'static str| {
            Err(ConfigError::Impossible { key, value, possible })
        };
        macro_rules! check {
            ($($key:ident: $ok:expr, $possible:literal;)*) => {
                $(if !$ok(&self.$key) {
                    return impossible(stringify!($key), format!("{:?}", self.$key), $possible);
                })*
            };
        }
        let size = |n: &usize| (1..=1 << 24).contains(n);
        let hidden = |n: &usize| (1..=daa_core::image::MAX_HIDDEN).contains(n);
        let share = |x: &f32| (0.0..=1.0).contains(x);
        // libtorch takes them as single precision.
        let above_zero = |x: &f64| (*x as f32).is_finite() && *x > 0.0;
        let not_negative = |x: &f64| (*x as f32).is_finite() && *x >= 0.0;
        check! {
            seeds: |s: &Vec<u64>| {
                let mut sorted = s.clone();
                sorted.sort_unstable();
                sorted.dedup();
                (1..=1024).contains(&s.len()) && sorted.len() == s.len()
            }, "1 to 1024 different seeds";
            decisions: |n: &u64| (1..=1 << 40).contains(n), "at least 1";
            action_repeat: |n: &u32| (1..=1000).contains(n), "1 to 1000";
            environments: |n: &usize| (1..=4096).contains(n), "1 to 4096";
            trajectory_len: |n: &usize| (1..=1 << 20).contains(n), "1 to 1048576";
            gamma: share, "0 to 1";
            lambda: share, "0 to 1";
            num_actions: |n: &usize| (1..=1024).contains(n), "1 to 1024";
            horizon: |n: &usize| (1..=1000).contains(n), "1 to 1000";
            growth: |x: &f64| (0.0..=1.0).contains(x), "0 to 1";
            real_weight: above_zero, "above 0";
            rpo_alpha: not_negative, "0 (none) or above";
            trpo_max_kl: above_zero, "above 0";
            trpo_damping: not_negative, "0 or above";
            trpo_cg_steps: |n: &usize| (1..=1000).contains(n), "1 to 1000";
            epochs: |n: &usize| (1..=1000).contains(n), "1 to 1000";
            minibatch: size, "1 to the batch";
            clip: above_zero, "above 0";
            value_clip: not_negative, "0 (none) or above";
            value_coefficient: not_negative, "0 or above";
            entropy_coefficient: not_negative, "0 or above";
            max_grad_norm: not_negative, "0 (no limit) or above";
            learning_rate: above_zero, "above 0";
            adam_epsilon: above_zero, "above 0";
            observation_clip: |x: &f32| x.is_finite() && *x > 0.0, "above 0";
            actor_hidden: hidden, "1 to 4096";
            critic_hidden: hidden, "1 to 4096";
            initial_log_std: |x: &f32| (-10.0..=2.0).contains(x), "-10 to 2";
            transition_hidden: hidden, "1 to 4096";
            reward_hidden: hidden, "1 to 4096";
            model_learning_rate: above_zero, "above 0";
            model_adam_epsilon: above_zero, "above 0";
            model_minibatch: size, "at least 1";
            model_steps: size, "at least 1";
            model_first_steps: size, "at least 1";
            replay_capacity: |n: &usize| (1..=1 << 28).contains(n), "1 to 268435456";
            evaluate_episodes: |n: &usize| (1..=100_000).contains(n), "1 to 100000";
            sampled_episodes: |n: &usize| *n <= 100_000, "0 (none) to 100000";
            advise: |n: &usize| *n <= 1 << 24, "0 (none) to 16777216";
            auto_min: |n: &usize| (1..=1024).contains(n), "1 to 1024";
            auto_max: |n: &usize| (1..=1024).contains(n), "1 to 1024";
            threads: |n: &usize| *n <= 1024, "0 (all cores) to 1024";
        }
        self.check_advice()?;
        if !self.batch().is_multiple_of(self.minibatch) {
            return impossible(
                "minibatch",
                self.minibatch.to_string(),
                "a divisor of environments * trajectory_len, so that every epoch sees every state once",
            );
        }
        Ok(())
    }
}
