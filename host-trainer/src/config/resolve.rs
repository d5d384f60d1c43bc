//! From raw sources to a checked [`Config`].

use super::layers::{Layers, nearest, parse_assignment, read_file, read_table};
use super::{Config, ConfigError};
use crate::task::Task;
use std::path::PathBuf;
use toml::Value;

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

/// Resolves and checks a configuration. The `[train]` table of a task file counts more than the preset and
/// less than everything else.
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
    let mut layers = Layers::<Config>::new()?;
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
    layers.lay(read_table(preset.1, preset.0)?, preset.0)?;
    if let Some((mut train, source)) = brought {
        // The preset was chosen above; the task is the file itself.
        train.remove("preset");
        if train.contains_key("task") {
            let message = "task is what the file describes: leave it out".to_owned();
            return Err(ConfigError::Value { source_name: source, message });
        }
        layers.lay(train, &source)?;
    }
    if let (Some(file), Some(path)) = (file, &sources.file) {
        layers.lay(file, &path.display().to_string())?;
    }
    for assignment in &sources.set {
        let layer = parse_assignment(assignment)?;
        if layer.contains_key("preset") {
            return Err(ConfigError::PresetTooLate);
        }
        layers.lay(layer, "--set")?;
    }
    layers.insert("preset", Value::String(name));
    layers.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_resolved;

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
        for assignment in [
            "estimator.noise=\"\\nti\"",
            "estimator.no\nise=ti",
            "estimator.noise=t\ni",
            "task=a\n@b",
        ] {
            let message = message(&[assignment]);
            assert!(!message.contains('\n') && message.contains("\\n"), "{message:?}");
        }
    }

    #[test]
    fn later_sources_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "[ppo]\nclip = 0.3\n[update]\nepochs = 7\n").unwrap();
        let preset = Some("paper-2022".to_owned());
        let config =
            resolve(&Sources { preset, file: Some(path), set: vec!["update.epochs=9".to_owned()] });
        let config = config.unwrap();
        assert_eq!((config.ppo.clip, config.update.epochs, config.actor.hidden), (0.3, 9, 512));
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
        let config =
            set(&["task=cartpole-balance", "update.learning_rate=1", "seeds=[3, 4]"]).unwrap();
        assert_eq!((config.task.as_str(), config.update.learning_rate), ("cartpole-balance", 1.0));
        assert_eq!(config.seeds, [3, 4]);
    }

    #[test]
    fn refusals_name_the_key_and_the_way_out() {
        assert!(message(&["learning_rat=1"]).contains("did you mean update.learning_rate?"));
        assert!(message(&["clip"]).contains("write key=value"));
        assert!(
            message(&["ppo.clip=-1"]).contains("ppo.clip = -1.0 is impossible: it must be above 0")
        );
        assert!(message(&["update.epochs=many"]).contains("epochs"));
        assert!(message(&["update.minibatch_size=100"]).contains("divisor"));
        assert!(message(&["task=cartpole-swing"]).contains("did you mean cartpole-swingup?"));
        assert!(message(&["seeds=[1, 1]"]).contains("different seeds"));
        assert!(message(&["gamma=nan"]).contains("gamma"));
        let preset = Some("quick-start".to_owned());
        let error = resolve(&Sources { preset, ..Sources::default() }).unwrap_err();
        assert!(error.to_string().contains("did you mean quickstart?"));
    }

    #[test]
    fn the_resolved_configuration_is_its_own_source() {
        let config = set(&["update.epochs=3"]).unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read_resolved(&text, "run").unwrap(), config);
    }
}
