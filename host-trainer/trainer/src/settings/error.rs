//! Why there is no configuration.

use daa_envs as task;
use std::path::PathBuf;

/// Why there is no configuration. Each message is one line that names the key, its source, and what to
/// write instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No task of that name, or a mistake in its file.
    #[error(transparent)]
    Task(#[from] task::Error),
    /// No preset of that name.
    #[error("unknown preset {name:?}: did you mean {nearest}?")]
    UnknownPreset {
        /// The name that was asked for.
        name: String,
        /// The nearest preset.
        nearest: &'static str,
    },
    /// No estimator or update of that name.
    #[error("{key} = {name:?} does not exist: did you mean {nearest}? There are {known}")]
    UnknownName {
        /// The key.
        key: &'static str,
        /// The name.
        name: String,
        /// The nearest name.
        nearest: String,
        /// All names.
        known: String,
    },
    /// A key that no option has.
    #[error("unknown key {key:?} in {source_name}: did you mean {nearest}?")]
    UnknownKey {
        /// The key.
        key: String,
        /// The source of the key.
        source_name: String,
        /// The nearest key.
        nearest: String,
    },
    /// A key that options had while the configuration was one flat table.
    #[error("{source_name}: {old} is now {new}")]
    Renamed {
        /// The source of the key.
        source_name: String,
        /// The key of older versions.
        old: String,
        /// The key of today.
        new: &'static str,
    },
    /// A value outside its option's range, alone or together with other values.
    #[error("{key} = {value} is impossible: it must be {must_be}")]
    Impossible {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What it must be.
        must_be: String,
    },
    /// A value that was asked for and that changes nothing.
    #[error("{key} = {value} has no effect: {because}; leave it out, or change that")]
    NoEffect {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// The other option that leaves it without effect.
        because: String,
    },
    /// More memory than the machine has.
    #[error(
        "{values}: at least {needed} GiB of memory, and this machine has {installed}: lower one of them"
    )]
    Memory {
        /// GiB.
        needed: f64,
        /// GiB.
        installed: f64,
        /// The values that need most of it.
        values: String,
    },
    /// `--set` without an equals sign.
    #[error("--set {0:?}: write key=value")]
    NoEqualsSign(String),
    /// A preset given with `--set`.
    #[error("--set preset=… comes after the preset's values: use --preset")]
    PresetTooLate,
    /// A value of another type.
    #[error("{source_name}: {message}")]
    Value {
        /// The source of the key.
        source_name: String,
        /// The parser's message.
        message: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
