//! The flags of the command line that make a configuration.

use super::{Config, ConfigError, Seeds, Sources, parse_seeds, resolve};
use std::path::PathBuf;

/// Flags that say what is to be trained; each is an assignment, later than any `--set`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Arguments {
    /// Start from a preset: quickstart, tuned, paper-2022 or icml-2023
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Values from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Task, such as cartpole-swingup, or the TOML file of one of your own
    #[arg(long)]
    pub task: Option<String>,
    /// One value, such as estimator.num_actions=16; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Seeds trained together, a policy each: 1..5 (five of them) or 1,4,9
    #[arg(long, value_name = "LIST", value_parser = parse_seeds)]
    pub seeds: Option<Seeds>,
    /// Who supplies the extra actions: single (PPO), rewind (AA), q_network (QAA), dynamics (DAA) or
    /// simulated_states
    #[arg(long)]
    pub estimator: Option<String>,
    /// What is done with the scored actions: ppo, a2c or trpo
    #[arg(long)]
    pub update: Option<String>,
    /// Decisions of each seed
    #[arg(long)]
    pub decisions: Option<u64>,
    /// Device of the networks: cpu, cuda or cuda:N
    #[arg(long)]
    pub device: Option<String>,
    /// Allow a GPU's matrix products to round to TensorFloat-32
    #[arg(long)]
    pub tf32: bool,
    /// Say every K iterations whether the next unit of budget should buy more actions or more states
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub advise: Option<u32>,
    /// What an extra action costs: decisions of the environment (none but for rewind), or measured seconds
    #[arg(long, value_name = "decisions|seconds")]
    pub cost: Option<String>,
    /// Choose N by that advice, between advise.min_actions and advise.max_actions; with --cost seconds no
    /// two runs are the same
    #[arg(long)]
    pub auto: bool,
    /// Worker threads; 0: one for each core
    #[arg(long)]
    pub threads: Option<usize>,
}

impl Arguments {
    /// Whether no option was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.preset.is_none() && self.config.is_none() && self.assignments().is_empty()
    }

    /// The same as `key=value` assignments, in the order in which they count.
    #[must_use]
    pub fn assignments(&self) -> Vec<String> {
        let mut set = self.set.clone();
        let mut assign = |key: &str, value: Option<String>| {
            set.extend(value.map(|value| format!("{key}={value}")));
        };
        assign("task", self.task.clone());
        assign("seeds", self.seed.map(|seed| format!("[{seed}]")));
        assign("seeds", self.seeds.as_ref().map(|seeds| format!("{:?}", seeds.0)));
        assign("estimator.kind", self.estimator.clone());
        assign("update.kind", self.update.clone());
        assign("decisions", self.decisions.map(|decisions| decisions.to_string()));
        assign("device", self.device.clone());
        assign("tf32", self.tf32.then(|| "true".to_owned()));
        assign("advise.every", self.advise.map(|every| every.to_string()));
        assign("advise.cost", self.cost.clone());
        assign("advise.auto", self.auto.then(|| "true".to_owned()));
        assign("threads", self.threads.map(|threads| threads.to_string()));
        set
    }

    /// The checked configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        resolve(&Sources {
            preset: self.preset.clone(),
            file: self.config.clone(),
            set: self.assignments(),
        })
    }
}
