//! From raw sources to a checked configuration.

use super::layers::{Layers, parse_assignment, read_file, read_table};
use super::sources::{Preset, Sources};
use crate::registry::nearest;
use crate::settings::{Config, ConfigError, Options};
use toml::{Table, Value};

/// Built-in presets of training; the first is the default.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "quickstart",
        text: include_str!("../presets/quickstart.toml"),
        about: "DAA-PPO on cartpole swingup in under a minute, networks that suit a microcontroller",
    },
    Preset {
        name: "paper-2022",
        text: include_str!("../presets/paper-2022.toml"),
        about: "DAA-PPO with the paper's choices (Table 2), its known mistakes included",
    },
    Preset {
        name: "icml-2023",
        text: include_str!("../presets/icml-2023.toml"),
        about: "DAA-PPO with the choices of the paper's successor, its known mistakes included",
    },
    Preset {
        name: "tuned",
        text: include_str!("../presets/tuned.toml"),
        about: "DAA-PPO with this project's choices, for runs of about 100 000 decisions",
    },
];

/// Resolves and checks the configuration of a run. The `[train]` table of a task file counts more than the
/// preset and less than everything else.
///
/// # Errors
/// [`ConfigError`]: one line that names the key, the source and what would be right.
pub fn resolve(sources: &Sources) -> Result<Config, ConfigError> {
    let mut config: Config = resolve_from(&PRESETS, sources, None)?;
    if let Ok(task) = config.find_task()
        && !task.train().is_empty()
    {
        let (train, source_name) = (task.train(), format!("[train] of {}", task.name));
        if train.contains_key("task") {
            let message = "task is what the file describes: leave it out".to_owned();
            return Err(ConfigError::Value { source_name, message });
        }
        config = resolve_from(&PRESETS, sources, Some((train, source_name)))?;
        // A file may change while it is trained: from here on the task is what was read.
        config.task = task.name.to_owned();
    }
    config.check()?;
    Ok(config)
}

/// The values of `sources`, and of a table that counts more than the preset and less than the rest, without a
/// check of what is possible. The configuration must have an option `preset`.
///
/// # Errors
/// [`ConfigError`]: one line that names the key, the source and what would be right.
pub fn resolve_from<T: Options>(
    presets: &'static [Preset],
    sources: &Sources,
    brought: Option<(Table, String)>,
) -> Result<T, ConfigError> {
    let mut layers = Layers::<T>::new()?;
    let file = sources.file.as_deref().map(read_file).transpose()?;
    let from_file = file.as_ref().and_then(|file| file.get("preset")).and_then(Value::as_str);
    let from_task = brought.as_ref().and_then(|(table, _)| table.get("preset")?.as_str());
    let default = presets.first().map_or("", |preset| preset.name);
    let asked = sources.preset.as_deref().or(from_file).or(from_task);
    let name = asked.unwrap_or(default).to_owned();
    let preset = presets.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let nearest = nearest(&name, presets.iter().map(|preset| preset.name));
        let unknown = ConfigError::UnknownPreset { name: name.clone(), nearest };
        match &brought {
            Some((_, source)) if sources.preset.is_none() && from_file.is_none() => {
                ConfigError::Value { source_name: source.clone(), message: unknown.to_string() }
            }
            _ => unknown,
        }
    })?;
    layers.lay(read_table(preset.text, preset.name)?, preset.name)?;
    if let Some((mut table, source)) = brought {
        // The preset was chosen above.
        table.remove("preset");
        layers.lay(table, &source)?;
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
    use crate::config::{NoiseScheme, read_resolved};

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
        for Preset { name, .. } in PRESETS {
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
    fn tables_are_merged_key_by_key_and_a_table_is_a_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        let text = "seeds = [7]\nmodel.steps = 5\n[estimator]\nhorizon = 3\nnoise = 'sobol'\n";
        std::fs::write(&path, text).unwrap();
        let resolved = |set: &[&str]| {
            let set = set.iter().map(|text| (*text).to_owned()).collect();
            let preset = Some("quickstart".to_owned());
            resolve(&Sources { preset, file: Some(path.clone()), set }).unwrap()
        };
        let config = resolved(&["estimator.horizon = 5"]);
        let estimator = &config.estimator;
        // --set, the file, the preset, the default.
        assert_eq!((estimator.horizon, estimator.num_actions), (5, 4));
        assert_eq!((estimator.noise, estimator.real_weight), (NoiseScheme::Sobol, 1.0));
        assert_eq!((config.model.steps, config.seeds), (5, vec![7]));
        let config = resolved(&["estimator={horizon = 9, num_actions = 2}", "seeds=[1, 2]"]);
        let estimator = &config.estimator;
        assert_eq!((estimator.horizon, estimator.num_actions), (9, 2));
        assert_eq!((estimator.noise, config.seeds), (NoiseScheme::Sobol, vec![1, 2]));
    }

    #[test]
    fn old_names_are_answered_with_the_new_ones() {
        for (old, answer) in [
            ("num_actions=8", "num_actions is now estimator.num_actions"),
            ("estimator=dynamics", "estimator is now estimator.kind"),
            ("update=trpo", "update is now update.kind"),
            ("advise=5", "advise is now advise.every"),
            ("activation=tanh", "activation is now actor.activation and critic.activation"),
            ("auto_max=5", "auto_max is now advise.max_actions"),
        ] {
            assert_eq!(message(&[old]), format!("--set: {answer}"));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c.toml");
            let (key, value) = old.split_once('=').unwrap();
            let quote = if value.parse::<u8>().is_ok() { "" } else { "'" };
            let text = format!("{key} = {quote}{value}{quote}\n");
            std::fs::write(&path, &text).unwrap();
            let error = resolve(&Sources { file: Some(path.clone()), ..Sources::default() });
            let error = error.unwrap_err().to_string();
            assert_eq!(error, format!("{}: {answer}", path.display()));
            let error = read_resolved(&text, "runs/a/config.toml").unwrap_err().to_string();
            assert_eq!(error, format!("runs/a/config.toml: {answer}"));
        }
    }

    #[test]
    fn a_wrong_type_or_table_is_named_with_its_key() {
        let wrong = message(&["estimator.num_actions=many"]);
        assert!(wrong.starts_with("--set: estimator.num_actions: invalid type: "), "{wrong}");
        let wrong = message(&["estimator={num_actions = 'many'}"]);
        assert!(wrong.starts_with("--set: estimator.num_actions: invalid type: "), "{wrong}");
        let wrong = message(&["estimator.kind=dynamic"]);
        assert!(wrong.starts_with("estimator.kind = \"dynamic\" does not exist"), "{wrong}");
        assert!(wrong.contains("did you mean dynamics?") && wrong.contains("q_network"), "{wrong}");
        let wrong = message(&["update.kind=a3c"]);
        assert!(wrong.contains("update.kind = \"a3c\"") && wrong.contains("mean a2c?"), "{wrong}");
        let wrong = message(&["rollout=5"]);
        assert!(wrong.contains("rollout is a table, not integer"), "{wrong}");
        assert!(message(&["gamma={x = 1}"]).contains("--set: gamma: invalid type"));
        assert!(message(&["estimater.horizon=3"]).contains("did you mean estimator.horizon?"));
        assert!(message(&["optimiser.beta=3"]).contains("unknown key \"optimiser.beta\""));
        assert!(message(&["ppo.clp=3"]).contains("did you mean ppo.clip?"));
    }

    #[test]
    fn a_model_that_is_never_used_is_refused() {
        let error = message(&["decisions=2048"]);
        assert!(error.contains("model.start = 4096 is impossible"), "{error}");
        assert!(error.contains("2048 decisions") && error.contains("lower model.start"), "{error}");
        set(&["decisions=2048", "model.start=2048"]).unwrap();
        set(&["decisions=2048", "estimator.kind=single"]).unwrap();
        // The last iteration is a whole one.
        set(&["decisions=2049"]).unwrap();
    }

    #[test]
    fn the_resolved_configuration_is_its_own_source() {
        let config = set(&["update.epochs=3"]).unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read_resolved(&text, "run").unwrap(), config);
    }
}
