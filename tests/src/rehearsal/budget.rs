//! What is cut off a documented command, so that it takes a second.

use super::step::{Program, Step};

/// Settings of a run that takes a second: two iterations, and everything in them.
const SMALL: [&str; 15] = [
    "decisions=512",
    "rollout.num_envs=2",
    "rollout.length=128",
    "update.minibatch_size=64",
    "update.epochs=1",
    "actor.hidden=16",
    "critic.hidden=16",
    "model.transition_hidden=16",
    "model.reward_hidden=16",
    "model.start=0",
    "model.first_steps=4",
    "model.steps=2",
    "evaluate.every=1",
    "evaluate.episodes=1",
    "evaluate.sampled_episodes=1",
];

/// Arguments with a value put in, or changed where it is there.
struct Budget(Vec<String>);

impl Budget {
    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|word| word == flag)
    }

    fn set(&mut self, flag: &str, value: &str) -> &mut Self {
        match self.0.iter().position(|word| word == flag) {
            Some(at) if at + 1 < self.0.len() => self.0[at + 1] = value.to_owned(),
            _ => self.0.extend([flag.to_owned(), value.to_owned()]),
        }
        self
    }

    fn all(&mut self, pairs: &[(&str, &str)]) -> &mut Self {
        for (flag, value) in pairs {
            self.set(flag, value);
        }
        self
    }

    /// Small settings; those of the command come after them and win, but for the number of decisions.
    fn small(&mut self, at: usize) -> &mut Self {
        let decisions = SMALL[0];
        self.0.iter_mut().filter(|word| word.starts_with("decisions=")).for_each(|word| {
            decisions.clone_into(word);
        });
        if self.has("--decisions") {
            self.set("--decisions", &decisions["decisions=".len()..]);
        }
        // A value without effect is refused.
        let has_model = !["single", "rewind", "q_network"].iter().any(|kind| self.has(kind));
        let kept = SMALL.iter().filter(|setting| has_model || !setting.starts_with("model."));
        let settings: Vec<String> =
            kept.flat_map(|setting| ["--set", setting]).map(str::to_owned).collect();
        let _ = self.0.splice(at..at, settings);
        self
    }
}

/// A command with its budget cut.
pub(super) fn cut(step: &Step) -> Vec<Step> {
    let mut budget = Budget(step.words.clone());
    let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
    match (step.program, &words[..]) {
        (Program::Xtask, ["emulate", ..]) => {
            budget.set("--episodes", "1");
        }
        (Program::Copy | Program::Xtask, _) => {}
        // Goes on as it was begun.
        (_, ["train", ..]) if budget.has("--resume") => {}
        (_, ["train", ..]) => {
            budget.small(1).0.push("-q".to_owned());
        }
        (_, ["bench", "train", ..]) => {
            budget.small(2).set("--iterations", "1");
        }
        (_, ["bench", "env", ..]) => {
            budget.set("--seconds", "0.05");
            if !budget.has("--task") {
                budget.set("--task", "cartpole-swingup");
            }
        }
        (_, ["evaluate", ..]) => {
            budget.set("--episodes", "2");
        }
        (_, ["render", ..]) => {
            budget.all(&[("--frames", "2"), ("--width", "64"), ("--height", "48")]);
        }
        (_, ["report", ..]) if budget.has("--at") => {
            budget.set("--at", "256");
        }
        (_, ["diagnose", ..]) => {
            budget.all(&[("--states", "2"), ("--actions", "2"), ("--rollouts", "2")]);
            budget.all(&[("--truth-horizon", "5"), ("--batches", "1")]);
        }
        (_, ["variance", "bias", ..]) => {
            budget.all(&[("--estimates", "4"), ("--states", "250"), ("--reference", "1")]);
            budget.all(&[("--batches", "1"), ("--actions", "1"), ("--horizon", "1")]);
            if !budget.has("--estimators") {
                budget.set("--estimators", "single,q_network");
            }
        }
        (_, ["variance", ..]) => {
            budget.all(&[("--states", "300"), ("--rollouts", "1"), ("--horizon", "3")]);
            budget.all(&[("--trajectory-len", "25"), ("--actions", "3")]);
            if !budget.has("--policy") {
                budget.all(&[("--updates", "1"), ("--update-states", "50")]);
            }
        }
        // The whole as a plan, one task and seed of it for real.
        (_, ["experiment", _, ..]) if !budget.has("--plan") => {
            let mut plan = step.clone();
            plan.words.push("--plan".to_owned());
            budget.small(2).all(&[("--seeds", "1"), ("--task", "cheetah-run")]);
            return vec![plan, Step { program: step.program, words: budget.0 }];
        }
        _ => {}
    }
    vec![Step { program: step.program, words: budget.0 }]
}

/// A page's file with the budget cut: its `[set]` or `decisions`, if it has one.
pub(super) fn small_file(lines: &[&str]) -> String {
    let keep = |line: &&&str| !line.starts_with("decisions");
    let mut text = String::new();
    for line in lines.iter().filter(keep) {
        text += if line.starts_with("seeds = ") { "seeds = \"1..2\"" } else { line };
        text.push('\n');
        if *line == "[set]" || line.starts_with("[set] ") {
            text += &(SMALL.join("\n") + "\n");
        }
    }
    text
}
