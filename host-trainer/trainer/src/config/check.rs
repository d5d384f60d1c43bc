//! What is possible together.

use super::options::Options;
use super::{Config, ConfigError, EstimatorKind, UpdateKind, flat};
use crate::decomposition::Pieces;

impl Config {
    /// Checks every value, alone and together with others.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`] with the key, the value and what it must be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.find_task()?;
        self.check_each("")?;
        self.check_advice()?;
        self.check_model()?;
        let minibatch_size = self.update.minibatch_size;
        if !self.batch().is_multiple_of(minibatch_size) {
            return impossible(
                "update.minibatch_size",
                minibatch_size,
                "a divisor of rollout.num_envs * rollout.length, so that every epoch sees every state once",
            );
        }
        Ok(())
    }

    /// Checks that a run whose estimator has a model comes to using it.
    fn check_model(&self) -> Result<(), ConfigError> {
        let decisions = self.iterations() * self.batch() as u64;
        if !self.estimator.kind.has_model() || self.model.start <= decisions {
            return Ok(());
        }
        let kind = word(&self.estimator.kind);
        let must_be = format!(
            "at most the run's {decisions} decisions, or the model of estimator.kind = {kind} is never used \
             and the run is PPO: lower model.start, raise decisions, or take estimator.kind = \"single\""
        );
        impossible("model.start", self.model.start, &must_be)
    }

    /// Why an option has no effect in this run; none where it has one. A preset or a file may set it all the
    /// same.
    ///
    /// ```
    /// use crate::config::{Config, EstimatorKind};
    /// let mut config = Config::default();
    /// assert_eq!(config.without_effect("estimator.num_actions"), None);
    /// config.estimator.kind = EstimatorKind::Single;
    /// let because = config.without_effect("estimator.num_actions").unwrap();
    /// assert_eq!(because, "estimator.kind = \"single\" has no extra actions");
    /// ```
    #[must_use]
    pub fn without_effect(&self, key: &str) -> Option<String> {
        let (estimator, update) = (self.estimator.kind, self.update.kind);
        let (of_estimator, of_update) = (
            format!("estimator.kind = {}", word(&estimator)),
            format!("update.kind = {}", word(&update)),
        );
        let advised = self.advise.every > 0 || self.advise.auto;
        let (table, name) = key.split_once('.')?;
        match (table, name) {
            ("estimator", "num_actions" | "noise" | "ramp_fraction")
                if estimator == EstimatorKind::Single =>
            {
                Some(format!("{of_estimator} has no extra actions"))
            }
            ("estimator", "real_weight") if !estimator.has_extra_actions() => {
                Some(format!("{of_estimator} has one action a state"))
            }
            ("estimator", "horizon") if !estimator.has_horizon() => {
                Some(format!("{of_estimator} simulates no trajectories"))
            }
            ("model", _) if !estimator.has_model() => {
                Some(format!("{of_estimator} has no dynamics model"))
            }
            ("trpo", _) if update != UpdateKind::Trpo => Some(format!("{of_update} is not trpo")),
            ("ppo", "clip" | "rpo_alpha") if update == UpdateKind::Trpo => {
                Some(format!("{of_update} neither clips ratios nor shifts means"))
            }
            ("advise", "cost") if !advised => Some("no advice is asked for".to_owned()),
            ("advise", "min_actions" | "max_actions") if !self.advise.auto => {
                Some("advise.auto = false chooses no number of actions".to_owned())
            }
            _ => None,
        }
    }

    /// The values that have an effect, with dotted keys: equal for two configurations that make the same run.
    /// Threads and names of presets do not count.
    #[must_use]
    pub fn effective(&self) -> toml::Table {
        let all = flat(&toml::Table::try_from(self).unwrap_or_default());
        let counts =
            |key: &str| key != "threads" && key != "preset" && self.without_effect(key).is_none();
        all.into_iter().filter(|(key, _)| counts(key)).collect()
    }

    /// A note where `decisions` is no whole number of iterations.
    #[must_use]
    pub fn rounding(&self) -> Option<String> {
        let (batch, iterations) = (self.batch() as u64, self.iterations());
        let Self { decisions, .. } = self;
        (!decisions.is_multiple_of(batch)).then(|| {
            format!(
                "decisions = {decisions} is rounded up to {}: {iterations} iterations of {batch} decisions",
                iterations * batch
            )
        })
    }

    /// Checks what the advice needs.
    fn check_advice(&self) -> Result<(), ConfigError> {
        let advise = &self.advise;
        if advise.every == 0 && !advise.auto {
            return Ok(());
        }
        if !self.estimator.kind.has_extra_actions() {
            let must_be = "rewind, q_network or dynamics for advice on extra actions (for other runs, \
                           `host-trainer variance --policy RUN` measures afterwards)";
            return impossible("estimator.kind", word(&self.estimator.kind), must_be);
        }
        if Pieces::of(self.rollout.num_envs, self.rollout.length).is_none() {
            let must_be = "long enough for advice: 16 pieces of a batch with two decisions each";
            return impossible("rollout.length", self.rollout.length, must_be);
        }
        if !advise.auto {
            return Ok(());
        }
        if self.num_seeds() > 1 {
            let must_be = "one seed a run with advise.auto: N would depend on all of them";
            return impossible("seeds", format!("{:?}", self.seeds), must_be);
        }
        if self.estimator.ramp_fraction > 0.0 {
            let must_be = "0 with advise.auto, which chooses N itself";
            return impossible("estimator.ramp_fraction", self.estimator.ramp_fraction, must_be);
        }
        if !(advise.min_actions..=advise.max_actions).contains(&self.estimator.num_actions) {
            let must_be = "advise.min_actions to advise.max_actions with advise.auto";
            return impossible("estimator.num_actions", self.estimator.num_actions, must_be);
        }
        Ok(())
    }
}

fn impossible<T>(key: &str, value: impl ToString, must_be: &str) -> Result<T, ConfigError> {
    let (key, value, must_be) = (key.to_owned(), value.to_string(), must_be.to_owned());
    Err(ConfigError::Impossible { key, value, must_be })
}

/// A value as it stands in a configuration file.
fn word(value: &impl serde::Serialize) -> String {
    toml::Value::try_from(value).map_or_else(|_| String::new(), |value| value.to_string())
}
