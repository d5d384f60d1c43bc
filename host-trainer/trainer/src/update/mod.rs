//! How actor and critic are improved with scored actions.
//!
//! | file | what |
//! |---|---|
//! | `ppo`, `a2c`, `trpo` | the updates of the actor |
//! | `loss` | losses over K actions a state and their derivatives, and epochs of gradient steps |
//! | `critic` | regression of the values |
//! | `interface` | what an update is, and `improve`, which improves actor and critic |
//!
//! Each state goes through each network once, however many actions it has. Actor and critic share no
//! parameters, so each learns on its own thread, and on a CPU so does each seed.
//!
//! An update is one file with a [`Definition`], and one line in [`UPDATES`]. A program adds its own updates
//! with [`register`].

mod a2c;
mod critic;
mod interface;
mod loss;
mod ppo;
mod trpo;

pub use interface::{ActorLesson, ActorReport, Definition, UpdateReport, improve};
pub use loss::{Candidates, Gain, learn_in_epochs};

use crate::registry::{NameTaken, Registry, nearest};
use crate::settings::{Config, ConfigError};

/// The built-in updates.
pub static UPDATES: &[&Definition] = &[&ppo::DEFINITION, &a2c::DEFINITION, &trpo::DEFINITION];

static REGISTRY: Registry<Definition> = Registry::new(UPDATES);

/// All updates: the built-in ones, then the registered ones.
#[must_use]
pub fn all() -> Vec<&'static Definition> {
    REGISTRY.all()
}

/// The update with a name, as `update.kind` has it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    REGISTRY.find(name)
}

/// The update of a configuration.
///
/// # Errors
/// [`ConfigError::UnknownName`], with the nearest name.
pub fn of(config: &Config) -> Result<&'static Definition, ConfigError> {
    let name = &config.update.kind;
    find(name).ok_or_else(|| {
        let known = || all().into_iter().map(|definition| definition.name);
        ConfigError::UnknownName {
            key: "update.kind",
            name: name.clone(),
            nearest: nearest(name, known()).to_owned(),
            known: known().collect::<Vec<_>>().join(", "),
        }
    })
}

/// Adds an update, which `update.kind` can then name.
///
/// # Errors
/// [`NameTaken`] when another update has the name.
pub fn register(definition: &'static Definition) -> Result<(), NameTaken> {
    REGISTRY.register(definition)
}

/// Derivative `[S, B, A]` of the unweighted loss by the Gaussians' means, for tests of the estimators.
#[cfg(test)]
pub(crate) fn gradient_by_mean(
    actor: &crate::nn::Network,
    scored: &crate::data::ScoredBatch,
) -> tch::Tensor {
    let mut config = loss::tests::config();
    config.update.entropy_coefficient = 0.0;
    config.estimator.real_weight = 1.0;
    let mean = actor.predict(&scored.obs).tanh();
    let crate::data::ScoredBatch { actions, log_probs, advantages, .. } = scored;
    let log_std = actor.extra();
    loss::loss(&mean, &log_std, actions, log_probs, advantages, a2c::gain, &config).dmean
}
