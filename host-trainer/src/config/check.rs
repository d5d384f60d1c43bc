//! What is possible together.

use super::options::Options;
use super::{Config, ConfigError};
use crate::variance::Pieces;

impl Config {
    /// Checks every value, alone and together with others.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`] with the key, the value and what it must be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.find_task()?;
        self.check_each("")?;
        self.check_advice()?;
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
