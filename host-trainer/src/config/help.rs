//! The long help: every option with its default.

use super::layers::{defaults, flat};
use super::options::Options;
use std::fmt::Write;

/// One line for each option, table by table, with its default.
#[must_use]
pub fn help<T: Options>() -> String {
    let defaults = flat(&defaults::<T>().unwrap_or_default());
    let mut text = String::from(
        "Keys of --set and, as tables, of a configuration file, with their defaults:\n",
    );
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_help_has_a_line_for_every_key() {
        let help = help::<Config>();
        for (key, value) in flat(&defaults::<Config>().unwrap()) {
            assert!(help.contains(&format!("\n  {key} = {value} ")), "{key}");
        }
        assert!(help.contains("\n[estimator] "));
    }
}
