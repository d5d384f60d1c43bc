//! What makes runs one arm, and what an arm is called.

use super::record::Record;
use super::study::{Arm, Study};
use daa_trainer::estimator::{self, Extra};
use daa_trainer::update;
use toml::{Table, Value};

/// Keys that do not make another arm.
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

/// Keys by which arms are named, if they tell them apart; then the others as the file has them.
const TELLING: [&str; 6] = [
    "estimator.kind",
    "update.kind",
    "estimator.num_actions",
    "estimator.horizon",
    "estimator.noise",
    "preset",
];

impl Study {
    /// Names the arms that nobody named by what tells them apart.
    pub(super) fn name(&mut self) {
        let values = |key: &str| -> Vec<Option<&Value>> {
            self.arms.iter().map(|arm| arm.records[0].config.get(key)).collect()
        };
        let keys: Vec<String> = kept(&self.arms[0].records[0].config).keys().cloned().collect();
        self.differences = keys
            .into_iter()
            .filter(|key| values(key).windows(2).any(|pair| pair[0] != pair[1]))
            .collect();
        // The first keys that tell all arms apart.
        let differs = |key: &str| self.differences.iter().any(|known| known == key);
        let rest = self.differences.iter().map(String::as_str).filter(|key| !TELLING.contains(key));
        let mut telling: Vec<&str> = Vec::new();
        let told = |keys: &[&str]| {
            let mut seen: Vec<String> = self.arms.iter().map(|arm| name_by(arm, keys)).collect();
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
        let names: Vec<String> = self.arms.iter().map(|arm| name_by(arm, &telling)).collect();
        let mut taken: Vec<String> = self.arms.iter().map(|arm| arm.name.clone()).collect();
        for (arm, name) in self.arms.iter_mut().zip(names) {
            if arm.name.is_empty() {
                let free = |name: &String| !taken.contains(name);
                let numbered = (2..).map(|number| format!("{name} ({number})"));
                arm.name =
                    std::iter::once(name.clone()).chain(numbered).find(free).unwrap_or_default();
                taken.push(arm.name.clone());
            } else if arm.records.iter().any(|r| kept(&r.config) != kept(&arm.records[0].config)) {
                self.notes.push(format!("{} holds runs of different configurations.", arm.name));
            }
        }
    }
}

/// A configuration without what does not make another arm.
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

fn name_by(arm: &Arm, keys: &[&str]) -> String {
    let record = &arm.records[0];
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

/// A value as a reader wants it.
#[must_use]
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // 1e-3 became 0.0010000000474974513 where it is single precision.
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
