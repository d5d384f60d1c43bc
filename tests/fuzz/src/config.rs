//! Configurations: a TOML file, then a line `---`, then `key=value` assignments, one a line.

use daa_trainer::config::{Config, Sources, resolve};
use std::path::PathBuf;

/// What separates the file from the assignments.
pub(crate) const SEPARATOR: &str = "\n---\n";

/// A file of this process.
fn file() -> PathBuf {
    std::env::temp_dir().join(format!("daa-fuzz-{}.toml", std::process::id()))
}

fn resolved(text: &str, set: Vec<String>) -> Option<Config> {
    let path = file();
    std::fs::write(&path, text).expect("the temporary folder takes a file");
    let result = resolve(&Sources { preset: None, file: Some(path.clone()), set });
    let _ = std::fs::remove_file(path);
    match result {
        Ok(config) => Some(config),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains('\n'), "not one line: {text:?}");
            None
        }
    }
}

/// Resolves a configuration, and what it was resolved to once more.
pub fn config(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (text, set) = text.split_once(SEPARATOR).unwrap_or((text, ""));
    let Some(config) = resolved(text, set.lines().map(str::to_owned).collect()) else { return };
    config.check().expect("a resolved configuration is a possible one");
    assert!(config.find_task().is_ok());
    assert!(config.num_seeds() > 0 && config.batch() > 0 && config.iterations() > 0);
    let _ = (config.discount(), config.update.max_norm());
    // What a run directory keeps is what the run was.
    let text = toml::to_string(&config).expect("every configuration can be written");
    let again = resolved(&text, Vec::new()).expect("what was written is read");
    let differences = config.differences(&again);
    assert!(differences.is_empty(), "{differences:?}");
    #[cfg(feature = "planted")]
    assert!(config.estimator.num_actions % 4 != 1, "planted");
}
