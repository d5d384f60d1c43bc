//! Fuzz target of configurations: a TOML file, a line `---`, then one `key=value` assignment per line.

use daa_trainer::config::{Config, Sources, resolve};
use std::path::PathBuf;

/// The line between the file and the assignments.
pub(crate) const SEPARATOR: &str = "\n---\n";

/// Path of the temporary file of this process.
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

/// Resolves a configuration, writes the result as TOML, and resolves that again.
pub fn config(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (text, set) = text.split_once(SEPARATOR).unwrap_or((text, ""));
    let Some(config) = resolved(text, set.lines().map(str::to_owned).collect()) else { return };
    config.check().expect("a resolved configuration is a possible one");
    assert!(config.find_task().is_ok());
    assert!(config.num_seeds() > 0 && config.batch() > 0 && config.iterations() > 0);
    let _ = (config.discount(), config.update.max_norm());
    // A run directory keeps the resolved configuration, which must give the same run.
    let text = toml::to_string(&config).expect("every configuration can be written");
    let again = resolved(&text, Vec::new()).expect("what was written is read");
    let differences = config.differences(&again);
    assert!(differences.is_empty(), "{differences:?}");
    #[cfg(feature = "planted")]
    assert!(config.estimator.num_actions % 4 != 1, "planted");
}
