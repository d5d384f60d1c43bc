//! Names that options had while the configuration was one flat table.

/// Old key, new key.
const RENAMED: [(&str, &str); 52] = [
    ("environments", "rollout.num_envs"),
    ("trajectory_len", "rollout.length"),
    ("estimator", "estimator.kind"),
    ("num_actions", "estimator.num_actions"),
    ("horizon", "estimator.horizon"),
    ("growth", "estimator.ramp_fraction"),
    ("real_weight", "estimator.real_weight"),
    ("noise", "estimator.noise"),
    ("update", "update.kind"),
    ("epochs", "update.epochs"),
    ("minibatch", "update.minibatch_size"),
    ("learning_rate", "update.learning_rate"),
    ("anneal_learning_rate", "update.anneal_learning_rate"),
    ("adam_epsilon", "update.adam_epsilon"),
    ("max_grad_norm", "update.max_grad_norm"),
    ("value_coefficient", "update.value_coefficient"),
    ("entropy_coefficient", "update.entropy_coefficient"),
    ("clip", "ppo.clip"),
    ("value_clip", "ppo.value_clip"),
    ("rpo_alpha", "ppo.rpo_alpha"),
    ("trpo_max_kl", "trpo.max_kl"),
    ("trpo_damping", "trpo.damping"),
    ("trpo_cg_steps", "trpo.cg_steps"),
    ("normalise_advantages", "normalise.advantages"),
    ("normalise_observations", "normalise.observations"),
    ("normalise_rewards", "normalise.rewards"),
    ("observation_clip", "normalise.observation_clip"),
    ("actor_hidden", "actor.hidden"),
    ("critic_hidden", "critic.hidden"),
    ("activation", "actor.activation and critic.activation"),
    ("initial_log_std", "actor.initial_log_std"),
    ("transition_hidden", "model.transition_hidden"),
    ("reward_hidden", "model.reward_hidden"),
    ("model_activation", "model.activation"),
    ("common_trunk", "model.common_trunk"),
    ("transition_target", "model.transition_target"),
    ("model_learning_rate", "model.learning_rate"),
    ("model_adam_epsilon", "model.adam_epsilon"),
    ("model_minibatch", "model.minibatch_size"),
    ("model_steps", "model.steps"),
    ("model_first_steps", "model.first_steps"),
    ("model_start", "model.start"),
    ("model_bf16", "model.bf16"),
    ("replay_capacity", "model.replay_capacity"),
    ("evaluate_every", "evaluate.every"),
    ("evaluate_episodes", "evaluate.episodes"),
    ("sampled_episodes", "evaluate.sampled_episodes"),
    ("advise", "advise.every"),
    ("advise_cost", "advise.cost"),
    ("auto_actions", "advise.auto"),
    ("auto_min", "advise.min_actions"),
    ("auto_max", "advise.max_actions"),
];

/// The new key of an old one. `estimator`, `update` and `advise` are tables today: they are old keys where
/// a value is given instead of the table.
pub(super) fn new_name(old: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(known, _)| *known == old).map(|(_, new)| *new)
}

/// The first key of an older version's flat configuration, and its name today.
#[must_use]
pub fn old_key(table: &toml::Table) -> Option<(&str, &'static str)> {
    let values = table.iter().filter(|(_, value)| !value.is_table());
    values.filter_map(|(key, _)| Some((key.as_str(), new_name(key)?))).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Options};

    #[test]
    fn every_new_name_is_an_option() {
        let entries = Config::all_entries();
        for (old, new) in RENAMED {
            for new in new.split(" and ") {
                let entry = entries.iter().find(|entry| entry.key == new);
                assert!(entry.is_some_and(|entry| !entry.is_table), "{old}: {new}");
            }
            // An option that still has its old name cannot be an old name.
            assert!(!entries.iter().any(|entry| entry.key == old && !entry.is_table), "{old}");
        }
    }
}
