//! One seed of a run with every estimator that is asked for, set up as training does it.

use anyhow::{Context as _, Result};
use daa_envs::State;
use daa_envs::agent::Agent;
use daa_trainer::config::{Config, NoiseScheme};
use daa_trainer::data::{Normalisation, ReplayBuffer, RolloutBatch, store};
use daa_trainer::estimator::{Context, Definition, Estimator, Lesson, Setup, Simulator, Sizes};
use daa_trainer::nn::{Network, of_shard};
use daa_trainer::rollout::{Batch, Rollout};
use daa_trainer::train::Trainer;
use std::sync::Arc;
use tch::Device;

/// Number of the first batch: above those of training.
const FIRST: u64 = 1_000_000;

/// One seed's networks and data.
pub(super) struct Subject {
    pub(super) config: Config,
    pub(super) actor: Network,
    critic: Network,
    /// The estimators in the order in which they were asked for.
    pub(super) estimators: Vec<Box<dyn Estimator>>,
    /// Which of them the run has not trained.
    untrained: Vec<bool>,
    buffers: Vec<ReplayBuffer>,
    pub(super) rollout: Rollout,
    pub(super) agents: Arc<Vec<Agent>>,
    normalisation: Normalisation,
}

impl Subject {
    /// A seed of a run, the first if none is named, with batches of so many environments and decisions each.
    pub(super) fn of(
        trainer: &Trainer,
        seed: Option<u64>,
        (num_envs, length): (usize, usize),
        definitions: &[&'static Definition],
    ) -> Result<Self> {
        let seeds = &trainer.config().seeds;
        let seed_index = match seed {
            None => 0,
            Some(seed) => seeds
                .iter()
                .position(|known| *known == seed)
                .with_context(|| format!("this run has no seed {seed}, only {seeds:?}"))?,
        };
        let shard = seed_index..seed_index + 1;
        let mut config = Config { seeds: vec![seeds[seed_index]], ..trainer.config().clone() };
        (config.rollout.num_envs, config.rollout.length) = (num_envs, length);
        let task = trainer.task();
        let sizes = Sizes { observations: task.observations.len(), actions: task.actions.len() };
        let setup = Setup { config: &config, sizes, device: Device::Cpu };
        let mut estimators: Vec<_> =
            definitions.iter().map(|definition| (definition.build)(&setup)).collect();
        let trained = if trainer.estimator.has_learned() { trainer.networks() } else { Vec::new() };
        let untrained = estimators.iter_mut().map(|estimator| {
            // Estimators share networks by name: the model of one is the model of another.
            let mut missing = false;
            for (name, network) in estimator.networks_mut() {
                match trained.iter().find(|(known, _)| *known == name) {
                    Some((_, known)) => network.set_params(&of_shard(known.params(), &shard)),
                    None => missing = true,
                }
            }
            missing
        });
        Ok(Self {
            untrained: untrained.collect(),
            estimators,
            actor: trainer.actor.shard(&shard),
            critic: trainer.critic.shard(&shard),
            buffers: vec![ReplayBuffer::new(
                config.model.replay_capacity,
                sizes.observations,
                sizes.actions,
            )],
            rollout: Rollout::new(&config, true)?,
            agents: Arc::new(vec![trainer.agent(seed_index)]),
            normalisation: trainer.normalisation().of_seed(seed_index),
            config,
        })
    }

    /// Whether an estimator needs networks that the run has not trained.
    pub(super) fn needs_learning(&self) -> bool {
        self.untrained.contains(&true)
    }

    /// A batch, ready to be scored. The statistics stay those of the run.
    pub(super) fn prepare(&self, batch: &Batch) -> RolloutBatch {
        RolloutBatch::new(&self.config, batch, &self.normalisation, &self.critic, Device::Cpu)
    }

    /// Lets the policy act for some batches, from which the untrained estimators learn: those with a replay
    /// buffer once, from the whole buffer, the others from each batch. Returns the last batch.
    pub(super) fn learn(&mut self, batches: u32) -> Result<Batch> {
        let mut last = Batch::default();
        for number in 0..batches {
            let iteration = FIRST + u64::from(number);
            last = self.rollout.collect(&self.agents, iteration)?;
            let newest = store(&mut self.buffers, &last);
            let real = self.prepare(&last);
            let untrained = self.estimators.iter_mut().zip(&self.untrained);
            for (estimator, _) in untrained.filter(|(_, untrained)| **untrained) {
                let replays = estimator.definition().replays;
                if replays && number + 1 < batches {
                    continue;
                }
                let _ = estimator.learn(&Lesson {
                    config: &self.config,
                    real: &real,
                    buffers: &self.buffers,
                    newest: &newest,
                    normalisation: &self.normalisation,
                    iteration: if replays { FIRST } else { iteration },
                    learning_rate: self.config.update.learning_rate,
                });
            }
        }
        self.untrained.fill(false);
        Ok(last)
    }

    /// What estimators score states with: `states` are the episodes to which the simulator is rewound.
    pub(super) fn context<'a>(
        &'a self,
        real: &'a RolloutBatch,
        states: &'a [State],
        num_actions: usize,
    ) -> Context<'a> {
        Context {
            actor: &self.actor,
            critic: &self.critic,
            real,
            normalisation: &self.normalisation,
            simulator: Some(Simulator {
                rollout: &self.rollout,
                states,
                agents: &self.agents,
                // A time limit does not belong to the task, whatever the run was trained with.
                bootstrap_truncation: true,
                common_noise: false,
            }),
            discount: self.config.discount(),
            num_actions,
            horizon: self.config.estimator.horizon,
            noise: NoiseScheme::Independent,
            seeds: &self.config.seeds,
            iteration: 2 * FIRST,
            threads: self.config.num_threads(),
        }
    }
}
