//! The long help: every option with its default.

use super::layers::defaults;
use super::resolve::PRESETS;
use super::sources::Preset;
use crate::estimator;
use crate::settings::{Config, Options, flat};
use crate::update;
use std::fmt::Write;

/// The presets, and one line for each option, table by table, with its default.
#[must_use]
pub fn help<T: Options>(presets: &[Preset]) -> String {
    let defaults = flat(&defaults::<T>().unwrap_or_default());
    let mut text = String::new();
    for (index, Preset { name, about, .. }) in presets.iter().enumerate() {
        let heading = if index == 0 { "Presets, the first is the default:\n" } else { "" };
        let _ = writeln!(text, "{heading}  {name:<44} {about}");
    }
    text += "\nKeys of --set and, as tables, of a configuration file, with their defaults:\n";
    for entry in T::all_entries() {
        let _ = match defaults.get(&entry.key) {
            _ if entry.is_table => writeln!(text, "\n[{}] {}", entry.key, entry.help),
            Some(value) => {
                writeln!(text, "  {:<44} {}", format!("{} = {value}", entry.key), entry.help)
            }
            None => Ok(()),
        };
    }
    text
}

/// The long help of training: presets, estimators, updates and options.
#[must_use]
pub fn run_help() -> String {
    let line = |name, help| format!("  {name:<44} {help}\n");
    let estimators = estimator::all().into_iter().map(|known| line(known.name, known.help));
    let updates = update::all().into_iter().map(|known| line(known.name, known.help));
    format!(
        "Estimators, the values of estimator.kind:\n{}\nUpdates, the values of update.kind:\n{}\n{}",
        estimators.collect::<String>(),
        updates.collect::<String>(),
        help::<Config>(&PRESETS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_has_a_line_for_every_key() {
        let help = help::<Config>(&PRESETS);
        for (key, value) in flat(&defaults::<Config>().unwrap()) {
            assert!(help.contains(&format!("\n  {key} = {value} ")), "{key}");
        }
        assert!(help.contains("\n[estimator] "));
    }
}
