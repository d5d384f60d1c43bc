//! What a configuration is made from.

use std::path::PathBuf;

/// A named set of values.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Its values, as TOML.
    pub text: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
}

/// Where values come from, weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Name of a preset.
    pub preset: Option<String>,
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// `key=value` pairs.
    pub set: Vec<String>,
}
