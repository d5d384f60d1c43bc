//! Rules by which runs form an arm, and names of arms.

use super::record::Record;
use daa_trainer::estimator::{self, Extra};
use daa_trainer::update;
use toml::{Table, Value};

/// Options in which the runs of one arm may differ.
const SAME_ARM: [&str; 9] = [
    "task",
    "seeds",
    "device",
    "threads",
    "tf32",
    "evaluate.every",
    "evaluate.episodes",
    "evaluate.sampled_episodes",
    "advise.every",
];

/// Options by which arms are named first, where the arms differ in them; other options follow.
const TELLING: [&str; 6] = [
    "estimator.kind",
    "update.kind",
    "estimator.num_actions",
    "estimator.horizon",
    "estimator.noise",
    "preset",
];

/// Names of arms and the keys that tell them apart. Each arm is given by one of its runs.
pub(super) fn names(arms: &[&Record]) -> (Vec<String>, Vec<String>) {
    let values =
        |key: &str| -> Vec<Option<&Value>> { arms.iter().map(|arm| arm.config.get(key)).collect() };
    let keys = arms.first().map(|arm| kept(&arm.config)).unwrap_or_default();
    let differences: Vec<String> = keys
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| values(key).windows(2).any(|pair| pair[0] != pair[1]))
        .collect();
    // The first options that distinguish all arms.
    let differs = |key: &str| differences.iter().any(|known| known == key);
    let rest = differences.iter().map(String::as_str).filter(|key| !TELLING.contains(key));
    let mut telling: Vec<&str> = Vec::new();
    let told = |keys: &[&str]| {
        let mut seen: Vec<String> = arms.iter().map(|arm| name_by(arm, keys)).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    for key in TELLING.into_iter().filter(|key| differs(key)).chain(rest) {
        let with: Vec<&str> = telling.iter().copied().chain([key]).collect();
        let before = if telling.is_empty() { 1 } else { told(&telling) };
        if told(&with) > before {
            telling = with;
        }
    }
    let names = arms.iter().map(|arm| name_by(arm, &telling)).collect();
    (names, differences)
}

/// A configuration without the options in which the runs of one arm may differ.
pub(super) fn kept(config: &Table) -> Table {
    let kept = config.iter().filter(|(key, _)| !SAME_ARM.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The algorithm in the paper's words.
#[must_use]
pub(super) fn method(record: &Record) -> String {
    let (estimator, update) = (record.word("estimator.kind"), record.word("update.kind"));
    let update = match update::find(update) {
        Some(update) => update.report_name.to_owned(),
        None if update.is_empty() => "PPO".to_owned(),
        None => update.to_uppercase(),
    };
    match estimator::find(estimator) {
        Some(estimator) => estimator.report_name.replace("{}", &update),
        None => format!("{update}, {estimator}"),
    }
}

fn name_by(record: &Record, keys: &[&str]) -> String {
    let mut words = Vec::new();
    let algorithm = ["estimator.kind", "update.kind"];
    if keys.is_empty() || keys.iter().any(|key| algorithm.contains(key)) {
        words.push(method(record));
    }
    // What a single action does not have cannot be its name.
    let nothing = estimator::find(record.word("estimator.kind"))
        .is_some_and(|estimator| estimator.extra == Extra::Nothing);
    let without: &[&str] = if nothing {
        &["estimator.num_actions", "estimator.horizon", "estimator.noise"]
    } else {
        &[]
    };
    for key in keys.iter().filter(|key| !algorithm.contains(key) && !without.contains(key)) {
        let value = record.config.get(*key).map(shown).unwrap_or_default();
        words.push(match *key {
            "estimator.num_actions" => format!("N = {value}"),
            "estimator.horizon" => format!("H = {value}"),
            "preset" => value,
            key => format!("{key} = {value}"),
        });
    }
    words.join(", ")
}

/// A value as a short text.
#[must_use]
pub(in super::super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // In single precision 1e-3 is 0.0010000000474974513.
        Value::Float(number) => {
            let short = *number as f32;
            if (f64::from(short) - number).abs() <= number.abs() * 1e-7 {
                short.to_string()
            } else {
                number.to_string()
            }
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_they_were_written() {
        let text = |text: &str| shown(&format!("v = {text}").parse::<Table>().unwrap()["v"]);
        assert_eq!(text("0.0010000000474974513"), "0.001");
        assert_eq!(text("0.05"), "0.05");
        assert_eq!(text("[1, 2]"), "[1, 2]");
        assert_eq!(text("'x'"), "x");
    }
}
