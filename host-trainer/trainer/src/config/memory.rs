//! A lower bound of the memory that a configuration needs, checked before anything is allocated.

use crate::estimator::{self, Memory, Sizes};
use crate::settings::{Config, ConfigError, flat};
use daa_core::MlpShape;
use daa_envs::Task;

impl Config {
    /// Refuses a configuration that needs more memory than this machine has. If the machine does not tell its
    /// memory, every configuration is accepted.
    ///
    /// # Errors
    /// [`ConfigError::Memory`], [`ConfigError::Task`].
    pub fn fits_memory(&self) -> Result<(), ConfigError> {
        let task = self.find_task()?;
        installed().map_or(Ok(()), |bytes| self.fits(task, bytes))
    }

    fn fits(&self, task: &Task, installed: u64) -> Result<(), ConfigError> {
        let sizes = Sizes { observations: task.observations.len(), actions: task.actions.len() };
        let parts = self.parts(sizes)?;
        let needed: u128 = parts.iter().map(|part| part.bytes).sum();
        if needed <= u128::from(installed) {
            return Ok(());
        }
        let largest = parts.iter().max_by_key(|part| part.bytes).map_or(&[][..], |part| &part.keys);
        let table = flat(&toml::Table::try_from(self).unwrap_or_default());
        let value = |key: &str| match (key, table.get(key)) {
            ("seeds", _) => format!("{} seeds", self.num_seeds()),
            (_, value) => {
                format!("{key} = {}", value.map_or_else(String::new, ToString::to_string))
            }
        };
        let gib = |bytes: u128| (bytes as f64 / f64::from(1u32 << 30)).ceil();
        Err(ConfigError::Memory {
            needed: gib(needed),
            installed: gib(installed.into()),
            values: largest.iter().map(|key| value(key)).collect::<Vec<_>>().join(", "),
        })
    }

    /// A lower bound: each number that is kept during an iteration is counted once.
    fn parts(&self, sizes: Sizes) -> Result<Vec<Memory>, ConfigError> {
        let Sizes { observations, actions } = sizes;
        let shapes = [
            MlpShape::new(observations, self.actor.hidden, actions),
            MlpShape::new(observations, self.critic.hidden, 1),
        ];
        // Observation, its successor, action, reward, value, advantage.
        let row = 2 * observations + actions + 3;
        let mut parts = vec![
            Memory::of_networks(self, &shapes, &["actor.hidden", "critic.hidden"]),
            Memory::of_states(self, row),
        ];
        parts.extend((estimator::of(self)?.memory)(self, sizes));
        Ok(parts)
    }
}

/// Bytes of memory of this machine.
fn installed() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Sources, resolve};

    fn config(set: &[&str]) -> Config {
        let set = set.iter().map(|s| (*s).to_owned()).collect();
        resolve(&Sources { preset: Some("quickstart".to_owned()), set, ..Sources::default() })
            .unwrap()
    }

    #[test]
    fn one_byte_too_few_is_refused_and_the_largest_part_named() {
        // Cartpole has five signals and one action.
        let config = config(&[
            "seeds=[1, 2]",
            "rollout.num_envs=10",
            "rollout.length=100",
            "update.minibatch_size=100",
            "estimator.num_actions=50",
            "decisions=3000",
            "model.start=0",
            "model.replay_capacity=2000",
            "actor.hidden=1",
            "critic.hidden=1",
            "model.transition_hidden=1",
            "model.reward_hidden=1",
        ]);
        assert_eq!(config.estimator.kind, "dynamics");
        // inputs + 1, 1 + 1, and for each output 1 + 1: with one hidden unit in each of two layers.
        let weights = (6 + 2 + 2) + (6 + 2 + 2) + (7 + 2 + 5 * 2) + (7 + 2 + 2);
        let batch = 1000 * (2 * 5 + 1 + 3);
        let extra = 1000 * 50 * (5 + 1 + 1);
        let replay = 2000 * (2 * 5 + 1 + 1);
        let needed = 2 * 4 * (4 * weights + batch + extra + replay);
        let task = config.find_task().unwrap();
        config.fits(task, needed).unwrap();
        let error = config.fits(task, needed - 1).unwrap_err().to_string();
        for words in ["2 seeds", "num_envs = 10", "rollout.length = 100", "num_actions = 50"] {
            assert!(error.contains(words), "{words}: {error}");
        }
        // Without a model there are no extra actions and no buffer; in a short run the buffer does not fill.
        let mut single = config.clone();
        single.estimator.kind = "single".to_owned();
        single.fits(task, 2 * 4 * (4 * 20 + batch)).unwrap();
        assert!(single.fits(task, 2 * 4 * (4 * 20 + batch) - 1).is_err());
        let short = Config { decisions: 1000, ..config };
        short.fits(task, needed - 2 * 4 * 1000 * 12).unwrap();
        assert!(short.fits(task, needed - 2 * 4 * 1000 * 12 - 1).is_err());
    }

    #[test]
    fn this_machine_has_room_for_the_quickstart_and_not_for_a_mistake() {
        config(&[]).fits_memory().unwrap();
        let huge = config(&[
            "rollout.num_envs=4096",
            "rollout.length=1048576",
            "estimator.num_actions=1024",
        ]);
        let error = huge.fits_memory().unwrap_err().to_string();
        assert!(error.contains("GiB") && error.contains("num_actions = 1024"), "{error}");
    }
}
