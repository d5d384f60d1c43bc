//! From raw sources to a checked [`Config`].

use super::Config;
use daa_envs::files::{WRITTEN, read_text};
use daa_envs::{self as task, Task};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Built-in presets: name, contents, one line about it.
pub const PRESETS: [(&str, &str, &str); 4] = [
    (
        "quickstart",
        include_str!("../presets/quickstart.toml"),
        "DAA-PPO in under a minute, networks that suit a microcontroller",
    ),
    (
        "paper-2022",
        include_str!("../presets/paper-2022.toml"),
        "DAA-PPO with the paper's choices (Table 2), warts included",
    ),
    (
        "icml-2023",
        include_str!("../presets/icml-2023.toml"),
        "DAA-PPO with the choices of the paper's successor, warts included",
    ),
    (
        "tuned",
        include_str!("../presets/tuned.toml"),
        "DAA-PPO with ours, for the reach of 100 000 decisions",
    ),
];

/// Why there is no configuration.
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
        /// The nearest one there is.
        nearest: &'static str,
    },
    /// A key that no option has.
    #[error("unknown key {key:?} in {source_name}: did you mean {nearest}?")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        source_name: String,
        /// The nearest key there is.
        nearest: String,
    },
    /// A value that cannot be.
    #[error("{key} = {value} is impossible: {possible}")]
    Impossible {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be possible.
        possible: &'static str,
    },
    /// More than the machine has.
    #[error(
        "{values}: at least {needed} GiB of memory, and this machine has {installed}: lower one of them"
    )]
    Memory {
        /// GiB.
        needed: f64,
        /// GiB.
        installed: f64,
        /// What most of it is for.
        values: String,
    },
    /// `--set` without an equals sign.
    #[error("--set {0:?}: write key=value")]
    NoEqualsSign(String),
    /// A preset is what the other values are laid over.
    #[error("--set preset=… comes too late: use --preset")]
    PresetTooLate,
    /// A value of another type.
    #[error("{source_name}: {message}")]
    Value {
        /// Where it stands.
        source_name: String,
        /// What the parser said.
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

/// The nearest of `known` to a word.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known.min_by_key(|known| strsim::damerau_levenshtein(word, known)).unwrap_or_default()
}

fn defaults() -> Result<Table, ConfigError> {
    Table::try_from(Config::default()).map_err(|error| ConfigError::Value {
        source_name: "defaults".to_owned(),
        message: error.to_string(),
    })
}

/// A message repeats what it was given: line ends and the like are written as in a string.
fn one_line(text: &str) -> String {
    let escape =
        |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(escape).collect()
}

fn value_error(source_name: &str, error: &toml::de::Error) -> ConfigError {
    let (source_name, message) = (one_line(source_name), one_line(error.message()));
    ConfigError::Value { source_name, message }
}

/// Lays `layer` over `base`, and checks that the result still is a configuration.
fn lay_over(base: &mut Table, layer: Table, source_name: &str) -> Result<(), ConfigError> {
    for (key, mut value) in layer {
        let Some(slot) = base.get_mut(&key) else {
            let nearest = nearest(&key, base.keys().map(String::as_str)).to_owned();
            return Err(ConfigError::UnknownKey {
                key,
                source_name: one_line(source_name),
                nearest,
            });
        };
        // `learning_rate = 1` is a float to everybody but TOML.
        if let (Value::Float(_), Value::Integer(number)) = (&*slot, &value) {
            value = Value::Float(*number as f64);
        }
        *slot = value;
        let parsed: Result<Config, _> = base.clone().try_into();
        parsed.map_err(|error| value_error(&format!("{source_name}, {key}"), &error))?;
    }
    Ok(())
}

fn read_table(text: &str, source_name: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error| value_error(source_name, &error))
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = read_text(path, WRITTEN)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    read_table(&text, &path.display().to_string())
}

/// `key=value` as a TOML table; a value that is not TOML is taken for a string.
fn parse_assignment(assignment: &str) -> Result<Table, ConfigError> {
    let (key, value) = assignment
        .split_once('=')
        .ok_or_else(|| ConfigError::NoEqualsSign(assignment.to_owned()))?;
    let (key, value) = (key.trim(), value.trim());
    let parsed = format!("value = {value}").parse::<Table>().ok();
    // A value with a line end in it could bring keys of its own.
    let parsed =
        parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    let mut table = Table::new();
    table.insert(key.to_owned(), parsed.unwrap_or_else(|| Value::String(value.to_owned())));
    Ok(table)
}

/// Resolves and checks a configuration. What a task of the user's own brings in its `[train]` lies over
/// the preset and below everything else.
///
/// # Errors
/// [`ConfigError`]: one line that names the key, the source and what would be right.
pub fn resolve(sources: &Sources) -> Result<Config, ConfigError> {
    let mut config = merge(sources, None)?;
    if let Ok(task) = config.find_task()
        && !task.train().is_empty()
    {
        config = merge(sources, Some(task))?;
        // A file may change while it is trained: from here on the task is what was read.
        config.task = task.name.to_owned();
    }
    config.check()?;
    Ok(config)
}

/// Layer over layer, that of a task after the preset's.
fn merge(sources: &Sources, task: Option<&Task>) -> Result<Config, ConfigError> {
    let mut table = defaults()?;
    let file = sources.file.as_deref().map(read_file).transpose()?;
    let from_file = file.as_ref().and_then(|file| file.get("preset")).and_then(Value::as_str);
    let brought = task.map(|task| (task.train(), format!("[train] of {}", task.name)));
    let from_task = brought.as_ref().and_then(|(train, _)| train.get("preset")?.as_str());
    let asked = sources.preset.as_deref().or(from_file).or(from_task);
    let name = asked.unwrap_or("quickstart").to_owned();
    let preset = PRESETS.iter().find(|(known, ..)| *known == name).ok_or_else(|| {
        let nearest = nearest(&name, PRESETS.iter().map(|(known, ..)| *known));
        let unknown = ConfigError::UnknownPreset { name: name.clone(), nearest };
        match &brought {
            Some((_, source)) if sources.preset.is_none() && from_file.is_none() => {
                ConfigError::Value { source_name: source.clone(), message: unknown.to_string() }
            }
            _ => unknown,
        }
    })?;
    lay_over(&mut table, read_table(preset.1, preset.0)?, preset.0)?;
    if let Some((mut train, source)) = brought {
        // The one says which task it is, the other was looked at above.
        train.remove("preset");
        if train.contains_key("task") {
            let message = "task is what the file describes: leave it out".to_owned();
            return Err(ConfigError::Value { source_name: source, message });
        }
        lay_over(&mut table, train, &source)?;
    }
    if let (Some(file), Some(path)) = (file, &sources.file) {
        lay_over(&mut table, file, &path.display().to_string())?;
    }
    for assignment in &sources.set {
        let layer = parse_assignment(assignment)?;
        if layer.contains_key("preset") {
            return Err(ConfigError::PresetTooLate);
        }
        lay_over(&mut table, layer, &format!("--set {assignment}"))?;
    }
    table.insert("preset".to_owned(), Value::String(name));
    table.try_into().map_err(|error| value_error("configuration", &error))
}

/// One line for each option, with its default: the long help of `train`. The words are those of the
/// documentation of [`Config`]'s fields.
#[must_use]
pub fn help() -> String {
    let source = include_str!("mod.rs");
    let body = source.split("pub struct Config {").nth(1).and_then(|rest| rest.split("\n}").next());
    let defaults = defaults().unwrap_or_default();
    let mut text =
        String::from("Keys of --set and of a configuration file, with their defaults:\n");
    let mut lines = body.unwrap_or_default().lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let (Some(words), Some(field)) = (line.strip_prefix("/// "), lines.peek()) else {
            continue;
        };
        let key = field.trim_start_matches("pub ").split(':').next().unwrap_or_default();
        if let Some(value) = defaults.get(key) {
            text.push_str(&format!("  {:<44} {words}\n", format!("{key} = {value}")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(assignments: &[&str]) -> Result<Config, ConfigError> {
        resolve(&Sources {
            set: assignments.iter().map(|s| (*s).to_owned()).collect(),
            ..Sources::default()
        })
    }

    fn message(assignments: &[&str]) -> String {
        set(assignments).unwrap_err().to_string()
    }

    #[test]
    fn a_message_is_one_line_whatever_it_repeats() {
        for assignment in ["noise=\"\\nti\"", "no\nise=ti", "noise=t\ni", "task=a\n@b"] {
            let message = message(&[assignment]);
            assert!(!message.contains('\n') && message.contains("\\n"), "{message:?}");
        }
    }

    #[test]
    fn later_sources_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "clip = 0.3\nepochs = 7\n").unwrap();
        let preset = Some("paper-2022".to_owned());
        let config =
            resolve(&Sources { preset, file: Some(path), set: vec!["epochs=9".to_owned()] });
        let config = config.unwrap();
        assert_eq!((config.clip, config.epochs, config.actor_hidden), (0.3, 9, 512));
        assert_eq!(config.preset, "paper-2022");
    }

    #[test]
    fn every_preset_is_possible() {
        for (name, ..) in PRESETS {
            resolve(&Sources { preset: Some(name.to_owned()), ..Sources::default() }).unwrap();
        }
    }

    #[test]
    fn words_need_no_quotes_and_numbers_no_point() {
        let config = set(&["task=cartpole-balance", "learning_rate=1", "seeds=[3, 4]"]).unwrap();
        assert_eq!((config.task.as_str(), config.learning_rate), ("cartpole-balance", 1.0));
        assert_eq!(config.seeds, [3, 4]);
    }

    #[test]
    fn refusals_name_the_key_and_the_way_out() {
        assert!(message(&["learning_rat=1"]).contains("did you mean learning_rate?"));
        assert!(message(&["clip"]).contains("write key=value"));
        assert!(message(&["clip=-1"]).contains("clip = -1.0 is impossible: above 0"));
        assert!(message(&["epochs=many"]).contains("epochs"));
        assert!(message(&["minibatch=100"]).contains("divisor"));
        assert!(message(&["task=cartpole-swing"]).contains("did you mean cartpole-swingup?"));
        assert!(message(&["seeds=[1, 1]"]).contains("different seeds"));
        assert!(message(&["gamma=nan"]).contains("gamma"));
        let preset = Some("quick-start".to_owned());
        let error = resolve(&Sources { preset, ..Sources::default() }).unwrap_err();
        assert!(error.to_string().contains("did you mean quickstart?"));
    }

    #[test]
    fn the_help_has_a_line_for_every_key() {
        let help = help();
        for key in defaults().unwrap().keys() {
            assert!(help.contains(&format!("\n  {key} = ")), "{key}");
        }
    }

    #[test]
    fn the_resolved_configuration_is_its_own_source() {
        let config = set(&["epochs=3"]).unwrap();
        let text = toml::to_string(&config).unwrap();
        let table = read_table(&text, "run").unwrap();
        assert_eq!(table.try_into::<Config>().unwrap(), config);
    }
}
