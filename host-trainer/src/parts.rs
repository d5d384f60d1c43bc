//! Conversion of a trainer into the [`PolicyParts`] from which an image is exported.

use anyhow::{Context, Result};
use daa_formats::export::{Choice, Exported, ModelParts, NetworkParts, PolicyParts, export};
use daa_trainer::nn::{Network, to_vec};
use daa_trainer::train::Trainer;
use std::path::Path;
use tch::Tensor;

/// Returns the parts of one seed's policy; `seed_index` counts the seeds of the run from 0.
///
/// # Errors
/// When the run has too few seeds.
pub fn parts(trainer: &Trainer, seed_index: usize) -> Result<PolicyParts> {
    let config = trainer.config();
    let seed = *config.seeds.get(seed_index).context("the run has no such seed")?;
    let normalisation = trainer.normalisation();
    let network = |(shape, weights)| NetworkParts { shape, weights };
    let critic: &Network = &trainer.critic;
    let model = trainer.estimator.world_model().map(|model| ModelParts {
        transition: network(model.transition(seed_index)),
        reward: network(model.reward(seed_index)),
        critic: network((critic.shape(), critic.seed_params(seed_index))),
        transition_scale: normalisation.changes[seed_index].clone(),
    });
    Ok(PolicyParts {
        agent: trainer.agent(seed_index),
        model,
        model_activation: config.model.activation,
        critic_activation: config.critic.activation,
        transition_target: config.model.transition_target,
        task: trainer.task(),
        action_repeat: config.action_repeat,
        gamma: config.gamma,
        lambda: config.lambda,
        reward_scale: normalisation.reward_scales[seed_index],
        preset: config.preset.clone(),
        seed,
        decisions: trainer.decisions(),
        threads: config.num_threads(),
    })
}

/// Returns the means of one seed's policy, `[rows, A]` within -1 to 1, as libtorch computes them from normalised
/// observations `[rows, D]`.
fn means(trainer: &Trainer, seed_index: usize, observations: &[f32]) -> Vec<f32> {
    let actor = &trainer.actor;
    let width = actor.shape().input as i64;
    // The network computes all seeds together; the outputs of the others are not used.
    let seeds = trainer.config().num_seeds() as i64;
    let rows = observations.len() as i64 / width;
    let batch = Tensor::from_slice(observations).view([1, rows, width]).repeat([seeds, 1, 1]);
    let batch = batch.to_device(actor.params().device());
    to_vec(&actor.predict(&batch).tanh().get(seed_index as i64))
}

/// Exports the image of one seed of a run to `path`.
///
/// # Errors
/// When the run has too few seeds, and as [`export()`]; no file is written then.
pub fn export_seed(
    trainer: &Trainer,
    seed_index: usize,
    path: &Path,
    choice: Choice,
) -> Result<Exported> {
    let means = |observations: &[f32]| means(trainer, seed_index, observations);
    export(&parts(trainer, seed_index)?, means, path, choice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_core::image::Section;
    use daa_formats::export::compare;
    use daa_formats::image::{AlignedImage, agent_of};
    use daa_trainer::config::Config;
    use tch::Device;

    fn trainer() -> Trainer {
        let mut config = Config { decisions: 128, ..Config::default() };
        (config.rollout.num_envs, config.rollout.length) = (2, 64);
        (config.model.start, config.model.steps, config.model.first_steps) = (0, 2, 2);
        config.update.epochs = 1;
        let mut trainer = Trainer::new(config, Device::Cpu).unwrap();
        trainer.iterate().unwrap();
        trainer
    }

    #[test]
    fn an_export_reads_back_and_acts_like_the_trainer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.daa");
        let trainer = trainer();
        let exported = export_seed(&trainer, 0, &path, Choice::default()).unwrap();
        let file = AlignedImage::read(&path).unwrap();
        let image = file.open().unwrap();
        assert_eq!(image.golden().len(), exported.golden_vectors);
        assert_eq!(exported.golden_vectors, 36);
        assert_eq!(agent_of(&image), trainer.agent(0));
        assert_eq!(image.section(Section::Critic), trainer.critic.seed_params(0));
        let levels = image.monitor_levels().unwrap();
        assert!(levels.alarm >= levels.warn && levels.warn > 1.0, "{levels:?}");
        // The microcontroller's types compute the golden actions with the same bits.
        let policy = image.policy::<5, 64, 1>().unwrap();
        assert_eq!(daa_core::image::replay(&image, &policy), Ok(36));
        assert!(exported.largest_difference < 1e-5);
    }

    #[test]
    fn a_policy_without_its_model_is_the_same_policy_in_a_smaller_image() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, alone) = (folder.path().join("whole.daa"), folder.path().join("alone.daa"));
        let trainer = trainer();
        let with = export_seed(&trainer, 0, &whole, Choice::default()).unwrap();
        let choice = Choice { policy_only: true, ..Choice::default() };
        let without = export_seed(&trainer, 0, &alone, choice).unwrap();
        let (whole, alone) =
            (AlignedImage::read(&whole).unwrap(), AlignedImage::read(&alone).unwrap());
        let (whole, alone) = (whole.open().unwrap(), alone.open().unwrap());
        assert_eq!(agent_of(&alone), agent_of(&whole));
        assert_eq!(alone.section(Section::Golden), whole.section(Section::Golden));
        for section in [Section::Transition, Section::Reward, Section::Critic, Section::Monitor] {
            assert!(alone.section(section).is_empty() && !whole.section(section).is_empty());
        }
        let left_out = [Section::Transition, Section::Reward, Section::Critic, Section::Monitor]
            .map(|section| 4 * whole.section(section).len());
        assert_eq!(with.bytes - without.bytes, left_out.iter().sum::<usize>());
    }

    #[test]
    fn what_is_not_finite_is_not_exported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.daa");
        for spoil in [f64::NAN, f64::INFINITY] {
            let trainer = trainer();
            let _ = trainer.actor.params().get(0).get(7).fill_(spoil);
            let error = export_seed(&trainer, 0, &path, Choice::default()).unwrap_err().to_string();
            assert!(
                error.contains("weight 7") && error.contains("nothing was exported"),
                "{error}"
            );
            let trainer = self::trainer();
            let _ = trainer.critic.params().get(0).get(7).fill_(spoil);
            assert!(export_seed(&trainer, 0, &path, Choice::default()).is_err());
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_policy_that_core_computes_differently_is_not_exported() {
        let trainer = trainer();
        let sound = trainer.agent(0);
        let parts = parts(&trainer, 0).unwrap();
        let by_libtorch = |observations: &[f32]| means(&trainer, 0, observations);
        let visited: Vec<f32> = (0..500).map(|i| (i as f32).sin()).collect();
        assert!(compare(&parts, &sound, by_libtorch, &visited).is_ok());
        // The comparison must find transposed layers: the first layer, of 5 rows and 64 columns, and the square
        // second layer.
        for (at, rows, columns) in [(0, 5, 64), (5 * 64 + 64, 64, 64)] {
            let mut agent = sound.clone();
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
                agent.weights[at + column * rows + row] =
                    sound.weights[at + row * columns + column];
            }
            let error = compare(&parts, &agent, by_libtorch, &visited).unwrap_err();
            assert!(error.to_string().contains("core and libtorch differ"), "{error}");
        }
    }
}
