//! Checks of values that depend on each other.

use crate::decomposition::Pieces;
use crate::estimator::{self, Extra};
use crate::settings::{Config, ConfigError, Options, flat};
use crate::update;

impl Config {
    /// Checks every value, alone and together with others.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`] with the key, the value and what it must be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.find_task()?;
        self.check_each("")?;
        let _ = (estimator::of(self)?, update::of(self)?);
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

    /// Checks that a run whose estimator has a model uses the model before the run ends.
    fn check_model(&self) -> Result<(), ConfigError> {
        let decisions = self.iterations() * self.batch() as u64;
        if !estimator::of(self)?.has_model || self.model.start <= decisions {
            return Ok(());
        }
        let kind = word(&self.estimator.kind);
        let must_be = format!(
            "at most the run's {decisions} decisions, or the model of estimator.kind = {kind} is never used \
             and the run is PPO: lower model.start, raise decisions, or take estimator.kind = \"single\""
        );
        impossible("model.start", self.model.start, &must_be)
    }

    /// Why an option has no effect in this run; none where it has one. A preset or a file may set it anyway.
    ///
    /// ```
    /// use daa_trainer::config::Config;
    /// let mut config = Config::default();
    /// assert_eq!(config.without_effect("estimator.num_actions"), None);
    /// config.estimator.kind = "single".to_owned();
    /// let because = config.without_effect("estimator.num_actions").unwrap();
    /// assert_eq!(because, "estimator.kind = \"single\" has no extra actions");
    /// ```
    #[must_use]
    pub fn without_effect(&self, key: &str) -> Option<String> {
        let estimator = estimator::find(&self.estimator.kind)?;
        let advised = self.advise.every > 0 || self.advise.auto;
        let (table, name) = key.split_once('.')?;
        let of_estimator = match (table, name) {
            ("estimator", "num_actions" | "noise" | "ramp_fraction")
                if estimator.extra == Extra::Nothing =>
            {
                "has no extra actions"
            }
            ("estimator", "real_weight") if estimator.extra != Extra::Actions => {
                "has one action a state"
            }
            ("estimator", "horizon") if !estimator.has_horizon => "simulates no trajectories",
            ("model", _) if !estimator.has_model => "has no dynamics model",
            ("advise", "cost") if !advised => return Some("no advice is asked for".to_owned()),
            ("advise", "min_actions" | "max_actions") if !self.advise.auto => {
                return Some("advise.auto = false chooses no number of actions".to_owned());
            }
            _ => {
                let update = update::find(&self.update.kind)?;
                let idle = |(idle, _): &&(&str, &str)| *idle == key || *idle == table;
                let (_, because) = update.without_effect.iter().find(idle)?;
                return Some(format!("update.kind = {} {because}", word(&self.update.kind)));
            }
        };
        Some(format!("estimator.kind = {} {of_estimator}", word(&self.estimator.kind)))
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

    /// A note when `decisions` is not a whole number of iterations.
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
        if estimator::of(self)?.extra != Extra::Actions {
            let with = estimator::all().into_iter().filter(|known| known.extra == Extra::Actions);
            let names: Vec<_> = with.map(|known| known.name).collect();
            let (last, others) = names.split_last().unwrap_or((&"", &[]));
            let must_be = format!(
                "{} or {last} for advice on extra actions (for other runs, `host-trainer variance --policy \
                 RUN` measures afterwards)",
                others.join(", ")
            );
            return impossible("estimator.kind", word(&self.estimator.kind), &must_be);
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

/// A value as a configuration file has it.
fn word(value: &impl serde::Serialize) -> String {
    toml::Value::try_from(value).map_or_else(|_| String::new(), |value| value.to_string())
}
