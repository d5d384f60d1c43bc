//! Who supplies the extra actions: the one choice that differs between PPO, AA, QAA, DAA and simulated
//! states.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `obs` | `[S, T, D]` | normalised observations of the batch |
//! | `actions` | `[S, B, K, A]` | raw; the action taken first, then the N extra ones: K = N + 1 |
//! | `log_probs`, `advantages` | `[S, B, K]` | of those actions, under the policy that acted |
//!
//! B is T, except for simulated states, which add N T states with one action each.
//!
//! An estimator is one file, with an implementation of [`Estimator`] and a [`Definition`], and one line in
//! [`ESTIMATORS`]. A program adds its own estimators with [`register`].

mod context;
mod dynamics;
mod extra_actions;
mod interface;
mod learned_dynamics;
mod model_rollout;
mod q_network;
mod rewind;
mod simulated_states;
mod single;
#[cfg(test)]
mod tests;

pub use context::{Context, Simulator};
pub use extra_actions::extra_actions;
pub use interface::{Definition, Estimator, Extra, Lesson, Memory, Operations, Setup, Sizes};
pub use single::Single;

use crate::registry::{NameTaken, Registry, nearest};
use crate::settings::{Config, ConfigError};

/// The built-in estimators.
pub static ESTIMATORS: &[&Definition] = &[
    &single::DEFINITION,
    &rewind::DEFINITION,
    &q_network::DEFINITION,
    &dynamics::DEFINITION,
    &simulated_states::DEFINITION,
];

static REGISTRY: Registry<Definition> = Registry::new(ESTIMATORS);

/// All estimators: the built-in ones, then the registered ones.
#[must_use]
pub fn all() -> Vec<&'static Definition> {
    REGISTRY.all()
}

/// The estimator with a name, as `estimator.kind` has it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    REGISTRY.find(name)
}

/// The estimator of a configuration.
///
/// # Errors
/// [`ConfigError::UnknownName`], with the nearest name.
pub fn of(config: &Config) -> Result<&'static Definition, ConfigError> {
    let name = &config.estimator.kind;
    find(name).ok_or_else(|| {
        let known = || all().into_iter().map(|definition| definition.name);
        ConfigError::UnknownName {
            key: "estimator.kind",
            name: name.clone(),
            nearest: nearest(name, known()).to_owned(),
            known: known().collect::<Vec<_>>().join(", "),
        }
    })
}

/// Adds an estimator, which `estimator.kind` can then name.
///
/// # Errors
/// [`NameTaken`] when another estimator has the name.
pub fn register(definition: &'static Definition) -> Result<(), NameTaken> {
    REGISTRY.register(definition)
}
