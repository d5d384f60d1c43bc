//! The studies that ship with the program: figures of the paper and three questions of this project.

use super::definition::Definition;
use anyhow::{Context, Result};
use daa_envs::nearest;

/// Built-in studies: name and TOML text.
pub const EXPERIMENTS: [(&str, &str); 9] = [
    ("fig1", include_str!("experiments/fig1.toml")),
    ("fig3", include_str!("experiments/fig3.toml")),
    ("fig4", include_str!("experiments/fig4.toml")),
    ("fig5", include_str!("experiments/fig5.toml")),
    ("fig6", include_str!("experiments/fig6.toml")),
    ("fig7", include_str!("experiments/fig7.toml")),
    ("tuned", include_str!("experiments/tuned.toml")),
    ("ablation", include_str!("experiments/ablation.toml")),
    ("updates", include_str!("experiments/updates.toml")),
];

/// There is no built-in study of this name.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown experiment {name:?}: did you mean {nearest}? `host-trainer experiment` lists them"
)]
pub struct UnknownExperiment {
    /// The name that was asked for.
    pub name: String,
    /// The most similar name.
    pub nearest: &'static str,
}

/// The built-in study of this name.
///
/// # Errors
/// [`UnknownExperiment`] with the most similar name.
pub fn experiment(name: &str) -> Result<Definition> {
    let known = EXPERIMENTS.iter().find(|(known, _)| *known == name);
    let Some((name, text)) = known else {
        let nearest = nearest(name, EXPERIMENTS.iter().map(|(name, _)| *name));
        return Err(UnknownExperiment { name: name.to_owned(), nearest }.into());
    };
    Definition::parse(text).with_context(|| format!("the experiment {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Directories, Given, Plan};
    use daa_trainer::config::{Arguments, RunArguments, SourceArguments};
    use std::path::Path;

    #[test]
    fn every_arm_of_every_experiment_is_a_configuration() {
        for (name, _) in EXPERIMENTS {
            let definition = experiment(name).unwrap();
            assert!(definition.arms.len() >= 2 && !definition.tasks.is_empty());
            assert!(!definition.title.is_empty() && !definition.claim.is_empty());
            let place = Path::new("x");
            let plan = Plan::new(&definition, place, &Given::default(), place, Directories::ByName);
            let plan = plan.unwrap();
            assert_eq!(plan.jobs.len(), definition.arms.len() * definition.tasks.len(), "{name}");
            assert!(plan.jobs.iter().all(|job| job.config.seeds == [1, 2, 3]));
        }
    }

    fn planned(name: &str, set: &[&str], decisions: Option<u64>) -> Result<Plan, String> {
        let set = set.iter().map(|text| (*text).to_owned()).collect();
        let sources = SourceArguments { set, ..SourceArguments::default() };
        let run = RunArguments { decisions, ..RunArguments::default() };
        let given = Given {
            arguments: Arguments { sources, run, task: None },
            tasks: vec!["cartpole-swingup".to_owned()],
        };
        let definition = experiment(name).unwrap();
        let place = Path::new("x");
        Plan::new(&definition, place, &given, place, Directories::ByName)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn arms_that_are_the_same_run_are_refused() {
        assert_eq!(planned("fig5", &[], None).unwrap().jobs.len(), 5);
        let error = planned("fig5", &[], Some(8192)).unwrap_err();
        assert!(error.contains("N = 4: model.start = 40000 is impossible"), "{error}");
        let error = planned("fig5", &["estimator.num_actions=3"], None).unwrap_err();
        assert!(error.contains("\"N = 4\" and \"N = 8\" are the same run"), "{error}");
        // The arm without extra actions drops their number.
        let plan = planned("fig3", &["estimator.num_actions=3"], None).unwrap();
        let kept = plan.jobs.iter().map(|job| job.arguments.assignments().concat());
        let kept: Vec<bool> = kept.map(|set| set.contains("num_actions=3")).collect();
        assert_eq!(kept, [false, true, true]);
        // A value that has an effect on no arm is refused.
        let error = planned("fig3", &["trpo.max_kl=0.5"], None).unwrap_err();
        assert!(error.contains("trpo.max_kl") && error.contains("is not trpo"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_most_similar_one() {
        let error = experiment("fig 5").unwrap_err().to_string();
        assert!(error.contains("did you mean fig5?"), "{error}");
    }
}
