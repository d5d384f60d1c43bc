//! What an experiment is: a base and arms that depart from it.

use daa_trainer::config::flat;
use serde::Deserialize;
use toml::{Table, Value};

/// Built-in experiments: name and contents.
pub const EXPERIMENTS: [(&str, &str); 9] = [
    ("fig1", include_str!("presets/fig1.toml")),
    ("fig3", include_str!("presets/fig3.toml")),
    ("fig4", include_str!("presets/fig4.toml")),
    ("fig5", include_str!("presets/fig5.toml")),
    ("fig6", include_str!("presets/fig6.toml")),
    ("fig7", include_str!("presets/fig7.toml")),
    ("tuned", include_str!("presets/tuned.toml")),
    ("ablation", include_str!("presets/ablation.toml")),
    ("updates", include_str!("presets/updates.toml")),
];

/// A figure of the paper, or a question of our own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What it is.
    pub title: String,
    /// What the paper says about it, or what it is to show.
    pub claim: String,
    /// Preset that all arms start from.
    pub preset: String,
    /// Tasks that it runs on unless others are asked for.
    pub tasks: Vec<String>,
    /// Values of all arms.
    #[serde(default)]
    pub base: Table,
    /// What is compared.
    pub arms: Vec<Arm>,
}

/// One line of a figure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// In legends and tables.
    pub name: String,
    /// What differs from the base.
    #[serde(default)]
    pub set: Table,
}

/// No experiment of that name, or one that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownExperiment {
    /// No such name.
    #[error(
        "unknown experiment {name:?}: did you mean {nearest}? `host-trainer experiment` lists them"
    )]
    Name {
        /// The name asked for.
        name: String,
        /// The nearest there is.
        nearest: &'static str,
    },
    /// Not what an experiment must be.
    #[error("{name}: {message}")]
    Contents {
        /// Which one.
        name: String,
        /// What the parser said.
        message: String,
    },
}

impl Experiment {
    /// The built-in experiment of that name.
    ///
    /// # Errors
    /// [`UnknownExperiment`] with the nearest name.
    pub fn find(name: &str) -> Result<Self, UnknownExperiment> {
        let known = EXPERIMENTS.iter().find(|(known, _)| *known == name);
        let Some((name, text)) = known else {
            let distance = |known: &&(&str, &str)| strsim::damerau_levenshtein(name, known.0);
            let nearest = EXPERIMENTS.iter().min_by_key(distance).map_or("fig3", |(name, _)| *name);
            return Err(UnknownExperiment::Name { name: name.to_owned(), nearest });
        };
        Self::parse(name, text)
    }

    /// From TOML.
    ///
    /// # Errors
    /// [`UnknownExperiment::Contents`].
    pub fn parse(name: &str, text: &str) -> Result<Self, UnknownExperiment> {
        toml::from_str(text).map_err(|error: toml::de::Error| UnknownExperiment::Contents {
            name: name.to_owned(),
            message: error.message().to_owned(),
        })
    }

    /// `key=value` of an arm, the base first.
    #[must_use]
    pub fn assignments(&self, arm: &Arm) -> Vec<String> {
        let assign = |(key, value): (String, Value)| format!("{key}={value}");
        flat(&self.base).into_iter().chain(flat(&arm.set)).map(assign).collect()
    }
}

impl Arm {
    /// Name of the arm's folder: letters, digits and hyphens of its name.
    #[must_use]
    pub fn folder(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
    }
}
