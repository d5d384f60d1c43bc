//! The flags of the command line that make a configuration.

use super::layers::{assigned, parse_assignment};
use super::resolve::resolve;
use super::seeds::{Seeds, parse_seeds};
use super::sources::Sources;
use crate::settings::{Config, ConfigError, flat};
use std::path::PathBuf;

/// Flags of every command that has a configuration.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct SourceArguments {
    /// Start from the values of a preset; `--help` lists the presets of train and of variance
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Values from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One value, such as estimator.num_actions=16; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SourceArguments {
    /// The sources that these flags name, with further assignments that count more than those of `--set`.
    #[must_use]
    pub fn sources(&self, later: &[String]) -> Sources {
        let set = self.set.iter().chain(later).cloned().collect();
        Sources { preset: self.preset.clone(), file: self.config.clone(), set }
    }
}

/// Separate flags for often used keys of a run. Each counts more than any `--set`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct RunArguments {
    /// Seed
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Seeds trained together, one policy each: 1..5 (five seeds) or 1,4,9
    #[arg(long, value_name = "LIST", value_parser = parse_seeds)]
    pub seeds: Option<Seeds>,
    /// Source of the extra actions, such as dynamics; train --help lists the estimators
    #[arg(long)]
    pub estimator: Option<String>,
    /// Algorithm of the update, such as ppo; train --help lists the updates
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
    /// Report every K iterations whether the next unit of budget should buy more actions or more states
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub advise: Option<u32>,
    /// Unit of an extra action's cost: decisions of the environment (0 except with rewind), or measured
    /// seconds
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

impl RunArguments {
    fn assignments(&self) -> Vec<String> {
        let pairs = [
            ("seeds", self.seed.map(|seed| format!("[{seed}]"))),
            ("seeds", self.seeds.as_ref().map(|seeds| format!("{:?}", seeds.0))),
            ("estimator.kind", self.estimator.clone()),
            ("update.kind", self.update.clone()),
            ("decisions", self.decisions.map(|decisions| decisions.to_string())),
            ("device", self.device.clone()),
            ("tf32", self.tf32.then(|| "true".to_owned())),
            ("advise.every", self.advise.map(|every| every.to_string())),
            ("advise.cost", self.cost.clone()),
            ("advise.auto", self.auto.then(|| "true".to_owned())),
            ("threads", self.threads.map(|threads| threads.to_string())),
        ];
        let given = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        given.collect()
    }
}

/// Flags that determine what is trained.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Arguments {
    /// Preset, file and `--set`.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// Task, such as cartpole-swingup, or the path of a task file
    #[arg(long)]
    pub task: Option<String>,
    /// Flags with names of their own.
    #[command(flatten)]
    pub run: RunArguments,
}

impl Arguments {
    /// Whether no option was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let sources = &self.sources;
        sources.preset.is_none() && sources.config.is_none() && self.assignments().is_empty()
    }

    /// All flags as `key=value` assignments; later ones count more.
    #[must_use]
    pub fn assignments(&self) -> Vec<String> {
        [self.sources.set.clone(), self.flags()].concat()
    }

    /// The separate flags as assignments.
    fn flags(&self) -> Vec<String> {
        let task = self.task.iter().map(|task| format!("task={task}"));
        task.chain(self.run.assignments()).collect()
    }

    /// The checked configuration.
    ///
    /// # Errors
    /// [`ConfigError`]; also where a value that was given by a flag has no effect on the run.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let config = self.resolve_shared()?;
        for (key, value) in assigned(&self.sources.sources(&self.flags()))? {
            if let Some(because) = config.without_effect(&key) {
                return Err(ConfigError::NoEffect { key, value: value.to_string(), because });
            }
        }
        Ok(config)
    }

    /// The checked configuration of one of several runs. A value that all of them share may be without effect
    /// on this one.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn resolve_shared(&self) -> Result<Config, ConfigError> {
        resolve(&self.sources.sources(&self.flags()))
    }

    /// These arguments without each `--set` that has no effect on the run.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn without_idle(mut self) -> Result<Self, ConfigError> {
        let config = self.resolve_shared()?;
        let mut kept = Vec::new();
        for assignment in self.sources.set {
            let keys = flat(&parse_assignment(&assignment)?);
            if keys.keys().any(|key| config.without_effect(key).is_none()) {
                kept.push(assignment);
            }
        }
        self.sources.set = kept;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(estimator: &str, set: &[&str]) -> Arguments {
        let set = set.iter().map(|text| (*text).to_owned()).collect();
        let sources = SourceArguments { set, ..SourceArguments::default() };
        let run = RunArguments { estimator: Some(estimator.to_owned()), ..RunArguments::default() };
        Arguments { sources, run, ..Arguments::default() }
    }

    #[test]
    fn a_value_that_changes_nothing_is_refused_where_it_was_asked_for() {
        for (estimator, set, word) in [
            ("single", "estimator.num_actions=8", "no extra actions"),
            ("q_network", "estimator.horizon=4", "simulates no trajectories"),
            ("rewind", "model.steps=4", "no dynamics model"),
            ("dynamics", "trpo.max_kl=0.1", "is not trpo"),
            ("dynamics", "advise.cost=seconds", "no advice"),
            ("dynamics", "advise.max_actions=3", "advise.auto = false"),
        ] {
            let error = arguments(estimator, &[set]).resolve().unwrap_err().to_string();
            let (key, _) = set.split_once('=').unwrap();
            assert!(error.contains(key) && error.contains(word), "{error}");
            // One of several runs may have it, and drops it.
            arguments(estimator, &[set]).resolve_shared().unwrap();
            let kept = arguments(estimator, &[set, "gamma=0.5"]).without_idle().unwrap();
            assert_eq!(kept.sources.set, ["gamma=0.5"]);
            kept.resolve().unwrap();
        }
        arguments("dynamics", &["estimator.num_actions=8", "model.steps=4"]).resolve().unwrap();
    }
}
