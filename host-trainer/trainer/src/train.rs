//! The algorithm of the paper, in its own order.
//!
//! Seeds are the first dimension of everything. One iteration: act in the real environment, learn what the
//! estimator needs, such as the dynamics from the replay buffer, score every visited state with N + 1
//! actions, improve actor and critic.

use crate::advisor::{Advisor, Spent};
use crate::data::{Normalisation, ReplayBuffer, RolloutBatch, RunningStats, ScoredBatch, store};
use crate::estimator::{self, Context, Estimator, Extra, Lesson, Setup, Simulator, Single, Sizes};
use crate::metrics::{Best, Clock, Metrics, Phase};
use crate::nn::{AdamOptions, Network};
use crate::rollout::{Batch, Rollout};
use crate::settings::{Config, ConfigError};
use crate::update::{self, UpdateReport};
use crate::world_model::ModelError;
use daa_core::MlpShape;
use daa_envs::agent::Agent;
use daa_envs::running_stats::ObservationScale;
use daa_envs::streams::{Purpose, stream};
use daa_envs::{self as task, Divergence, Task};
use std::sync::Arc;
use std::time::Instant;
use tch::{Device, Tensor};

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An environment failed.
    #[error(transparent)]
    Task(#[from] task::Error),
    /// The configuration names an estimator or an update that does not exist.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The estimator would not be ready before the end of the run.
    #[error(
        "estimator.kind = {name:?} would not be used in any of the run's {decisions} decisions, so the run would be PPO: raise decisions, or let the estimator begin earlier"
    )]
    NeverReady {
        /// Name of the estimator.
        name: &'static str,
        /// Decisions of the run.
        decisions: u64,
    },
    /// A loss or a parameter is NaN or infinite.
    #[error("iteration {iteration}: {term} is {value}; nothing of this iteration was saved")]
    NotFinite {
        /// The iteration, the first being 1.
        iteration: u64,
        /// What is not finite.
        term: String,
        /// Its value.
        value: f64,
    },
    /// More than one episode in a thousand diverged.
    #[error("{diverged} of {episodes} simulated episodes diverged, more than one in a thousand{}", last.as_ref().map_or_else(String::new, |last| format!("; the last: {last}")))]
    Diverges {
        /// Episodes that diverged.
        diverged: usize,
        /// All episodes.
        episodes: usize,
        /// The last divergence.
        last: Option<Box<Divergence>>,
    },
}

/// A run in progress.
#[derive(Debug)]
pub struct Trainer {
    /// The resolved configuration.
    pub config: Config,
    task: &'static Task,
    device: Device,
    /// The policy of every seed.
    pub actor: Network,
    /// The critic of every seed.
    pub critic: Network,
    /// Where the advantages of extra actions come from.
    pub estimator: Box<dyn Estimator>,
    update: &'static update::Definition,
    /// Running statistics of observations and rewards.
    pub statistics: RunningStats,
    /// Replay buffers, one a seed; empty unless the estimator replays transitions.
    pub buffers: Vec<ReplayBuffer>,
    /// The real environments.
    pub rollout: Rollout,
    /// Iterations so far.
    pub iteration: u64,
    /// Advice on more actions or more states, where it is asked for.
    pub advisor: Option<Advisor>,
    /// Episodes so far.
    pub episodes: usize,
    /// Episodes whose simulation diverged.
    pub diverged: usize,
    /// The best evaluation so far.
    pub best: Option<Best>,
    divergences: Vec<Divergence>,
}

impl Trainer {
    /// Fresh networks and environments.
    ///
    /// # Errors
    /// [`TrainError`]: the task cannot be loaded, the estimator or the update does not exist, or the estimator
    /// would never be used.
    pub fn new(config: Config, device: Device) -> Result<Self, TrainError> {
        let task = config.find_task()?;
        let (definition, update) = (estimator::of(&config)?, update::of(&config)?);
        let sizes = Sizes { observations: task.observations.len(), actions: task.actions.len() };
        let Sizes { observations, actions } = sizes;
        let options = AdamOptions { epsilon: config.update.adam_epsilon };
        let network =
            |index: u64, shape: MlpShape, activation, head_gain: f32, extra: (usize, f32)| {
                let rng = |seed: &u64| stream(*seed, Purpose::Initialisation, index);
                let mut rngs: Vec<_> = config.seeds.iter().map(rng).collect();
                Network::new(&mut rngs, shape, activation, head_gain, extra, options, device)
            };
        let actor_shape = MlpShape::new(observations, config.actor.hidden, actions);
        let critic_shape = MlpShape::new(observations, config.critic.hidden, 1);
        let log_stds = (actions, config.actor.initial_log_std);
        let estimator = (definition.build)(&Setup { config: &config, sizes, device });
        let decisions = config.iterations() * config.batch() as u64;
        if !estimator.is_ready(&config, decisions) {
            return Err(TrainError::NeverReady { name: definition.name, decisions });
        }
        let capacity = if definition.replays { config.model.replay_capacity } else { 1 };
        let buffer = ReplayBuffer::new(capacity, observations, actions);
        Ok(Self {
            task,
            device,
            actor: network(0, actor_shape, config.actor.activation, 0.01, log_stds),
            critic: network(1, critic_shape, config.critic.activation, 1.0, (0, 0.0)),
            estimator,
            update,
            statistics: RunningStats::new(&config, observations),
            buffers: vec![buffer; config.num_seeds()],
            rollout: Rollout::new(&config, definition.rewinds)?,
            iteration: 0,
            advisor: Advisor::new(&config, definition.rewinds),
            episodes: 0,
            diverged: 0,
            best: None,
            divergences: Vec::new(),
            config,
        })
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &'static Task {
        self.task
    }

    /// Decisions of each seed so far.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.iteration * self.config.batch() as u64
    }

    /// Whether all decisions have been taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.iteration >= self.config.iterations()
    }

    /// One seed's policy, ready to act.
    #[must_use]
    pub fn agent(&self, seed_index: usize) -> Agent {
        let scale = self.scale(seed_index);
        let weights = self.actor.seed_params(seed_index);
        Agent::new(self.actor.shape(), self.actor.activation(), weights, scale)
    }

    /// One seed's observation statistics as a normaliser uses them.
    #[must_use]
    pub fn scale(&self, seed_index: usize) -> ObservationScale {
        self.statistics.scale(&self.config, seed_index)
    }

    /// The scales in which the networks compute now.
    #[must_use]
    pub fn normalisation(&self) -> Normalisation {
        self.statistics.normalisation(&self.config)
    }

    /// All networks with their names in messages and checkpoints.
    pub fn networks(&self) -> Vec<(&'static str, &Network)> {
        let mut networks = vec![("actor", &self.actor), ("critic", &self.critic)];
        networks.extend(self.estimator.networks());
        networks
    }

    /// The same networks, mutable.
    pub fn networks_mut(&mut self) -> Vec<(&'static str, &mut Network)> {
        let mut networks = vec![("actor", &mut self.actor), ("critic", &mut self.critic)];
        networks.extend(self.estimator.networks_mut());
        networks
    }

    /// One iteration: act, learn what the estimator needs, score N + 1 actions a state, improve. Returns the
    /// metrics of each seed.
    ///
    /// # Errors
    /// [`TrainError`]: an environment failed, or a loss is not finite.
    pub fn iterate(&mut self) -> Result<Vec<Metrics>, TrainError> {
        let _no_grad = tch::no_grad_guard();
        let start = Instant::now();
        let mut clock = Clock::default();

        // Act in the real environment.
        let agents = Arc::new((0..self.config.num_seeds()).map(|s| self.agent(s)).collect());
        let batch = clock.time(Phase::Acting, || self.rollout.collect(&agents, self.iteration))?;
        clock.split(Phase::Acting, Phase::Environment, batch.environment.share());
        let (newest, normalisation, real) = clock.time(Phase::Preparing, || {
            self.statistics.update(&self.config, &batch);
            let replays = self.estimator.definition().replays;
            let newest = if replays { store(&mut self.buffers, &batch) } else { Vec::new() };
            let normalisation = self.normalisation();
            let (config, critic) = (&self.config, &self.critic);
            let real = RolloutBatch::new(config, &batch, &normalisation, critic, self.device);
            (newest, normalisation, real)
        });

        // Learn the dynamics, or the actions' values, from what has been seen.
        let decisions = (self.iteration + 1) * self.config.batch() as u64;
        let is_ready = self.estimator.is_ready(&self.config, decisions);
        let errors = clock.time(Phase::Model, || {
            if is_ready { self.learn(&real, &newest, &normalisation) } else { Vec::new() }
        });

        // Score every visited state: who supplies the extra actions?
        let estimator: &dyn Estimator = if is_ready { &*self.estimator } else { &Single };
        let context = self.context(&batch, &agents, &real, &normalisation);
        let scored = clock.time(Phase::Extra, || estimator.score(&context))?;
        let shown = shown(estimator.definition(), &context);

        // Improve actor and critic.
        let networks = (&mut self.actor, &mut self.critic);
        let reports = clock.time(Phase::Policy, || {
            update::improve(self.update, networks, &real, &scored, &self.config, self.iteration)
        });
        let learning_rate = self.config.learning_rate(self.iteration);
        if let Some(advisor) = &mut self.advisor {
            let spent = Spent::of(start, &clock);
            advisor.look(&self.config, self.iteration, &agents, &scored, spent);
        }
        self.iteration += 1;

        let seconds = start.elapsed().as_secs_f64();
        let mut metrics = self.metrics(&batch, &real, &scored, &reports, &errors);
        for seed in &mut metrics {
            (seed.num_actions, seed.horizon) = shown;
            seed.learning_rate = learning_rate;
            (seed.seconds, seed.clock) = (seconds, clock);
        }
        self.check(&metrics)?;
        self.count_divergences(batch)?;
        Ok(metrics)
    }

    /// Trains what the estimator needs beside actor and critic.
    fn learn(
        &mut self,
        real: &RolloutBatch,
        newest: &[Vec<usize>],
        normalisation: &Normalisation,
    ) -> Vec<ModelError> {
        let errors = self.estimator.learn(&Lesson {
            config: &self.config,
            real,
            buffers: &self.buffers,
            newest,
            normalisation,
            iteration: self.iteration,
            learning_rate: self.config.learning_rate(self.iteration),
        });
        if let Device::Cuda(card) = self.device {
            // Without it the time of this work would be added to the next phase.
            tch::Cuda::synchronize(card as i64);
        }
        errors
    }

    /// What the estimator scores the batch with.
    fn context<'a>(
        &'a self,
        batch: &'a Batch,
        agents: &'a Arc<Vec<Agent>>,
        real: &'a RolloutBatch,
        normalisation: &'a Normalisation,
    ) -> Context<'a> {
        let (config, estimator) = (&self.config, &self.config.estimator);
        let progress = self.iteration as f64 / config.iterations() as f64;
        let ramp = estimator.ramp_fraction;
        Context {
            actor: &self.actor,
            critic: &self.critic,
            real,
            normalisation,
            simulator: Some(Simulator {
                rollout: &self.rollout,
                states: &batch.states,
                agents,
                bootstrap_truncation: config.bootstrap_truncation,
                common_noise: false,
            }),
            discount: config.discount(),
            num_actions: (self.advisor.as_ref().and_then(Advisor::chosen))
                .unwrap_or_else(|| ramped(estimator.num_actions, progress, ramp)),
            horizon: ramped(estimator.horizon, progress, ramp),
            noise: estimator.noise,
            seeds: &config.seeds,
            iteration: self.iteration,
            threads: config.num_threads(),
        }
    }

    /// Counts divergences. A rare one costs its episode; more than one episode in a thousand stops the run.
    fn count_divergences(&mut self, batch: Batch) -> Result<(), TrainError> {
        self.episodes +=
            batch.returns.iter().map(Vec::len).sum::<usize>() + batch.divergences.len();
        self.diverged += batch.divergences.len();
        self.divergences = batch.divergences;
        // The first one in fewer than a thousand episodes may be chance.
        if self.diverged > 1 && self.diverged * 1000 > self.episodes {
            let (diverged, episodes) = (self.diverged, self.episodes);
            let last = self.divergences.pop().map(Box::new);
            return Err(TrainError::Diverges { diverged, episodes, last });
        }
        Ok(())
    }

    /// Simulations that diverged in the last iteration.
    pub fn take_divergences(&mut self) -> Vec<Divergence> {
        std::mem::take(&mut self.divergences)
    }

    fn metrics(
        &self,
        batch: &Batch,
        real: &RolloutBatch,
        scored: &ScoredBatch,
        reports: &[UpdateReport],
        errors: &[ModelError],
    ) -> Vec<Metrics> {
        let error = |s: usize| errors.get(s).copied().unwrap_or_default();
        let of = |(s, report): (usize, &UpdateReport)| Metrics {
            iteration: self.iteration,
            seed: self.config.seeds[s],
            decisions: self.decisions(),
            episode_return: mean(&batch.returns[s]),
            policy_loss: report.actor.policy_loss,
            value_loss: report.value_loss,
            kl: report.actor.kl,
            clip_fraction: report.actor.clip_fraction,
            explained_variance: real.explained_variance(s),
            log_std: self.actor.extra().get(s as i64).mean(tch::Kind::Float).double_value(&[]),
            transition_error: error(s).transition,
            reward_error: error(s).reward,
            extra_advantage_correlation: extra_advantage_correlation(
                &scored.advantages.get(s as i64),
            ),
            ..Metrics::default()
        };
        reports.iter().enumerate().map(of).collect()
    }

    /// Stops the run at a loss or a weight that is not finite, before the iteration is saved.
    fn check(&self, metrics: &[Metrics]) -> Result<(), TrainError> {
        let losses = metrics.iter().filter_map(Metrics::not_finite);
        let weights = self.networks().into_iter().map(|(name, network)| {
            let sum = network.params().sum(tch::Kind::Float).double_value(&[]);
            (format!("a weight of the network {name}"), sum)
        });
        match losses.chain(weights).find(|(_, value)| !value.is_finite()) {
            Some((term, value)) => {
                Err(TrainError::NotFinite { iteration: self.iteration, term, value })
            }
            None => Ok(()),
        }
    }
}

/// N and H as metrics show them: 0 where the estimator has none.
fn shown(definition: &estimator::Definition, context: &Context<'_>) -> (usize, usize) {
    let has_extra = definition.extra != Extra::Nothing;
    (
        if has_extra { context.num_actions } else { 0 },
        if definition.has_horizon { context.horizon } else { 0 },
    )
}

/// N or H at a point of the run: from 1 to `full` in a straight line over the first `ramp_fraction` of it.
fn ramped(full: usize, progress: f64, ramp_fraction: f64) -> usize {
    if ramp_fraction <= 0.0 {
        return full;
    }
    1 + ((full - 1) as f64 * (progress / ramp_fraction).min(1.0)).round() as usize
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Correlation, over states, of the real action's advantage and the mean of the extra ones', of
/// `advantages [T, K]`. Both hold the critic's error at the state; none without extra actions.
fn extra_advantage_correlation(advantages: &Tensor) -> Option<f64> {
    let extra = advantages.size()[1] - 1;
    if extra < 1 {
        return None;
    }
    let real = advantages.select(1, 0);
    let mean = advantages.narrow(1, 1, extra).mean_dim(&[1i64][..], false, tch::Kind::Float);
    Some(Tensor::stack(&[real, mean], 0).corrcoef().double_value(&[0, 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{blow_up, small};

    #[test]
    fn a_diverged_simulation_costs_its_episode_and_is_counted() {
        let mut trainer = small();
        trainer.iterate().unwrap();
        assert_eq!((trainer.diverged, trainer.take_divergences().len()), (0, 0));
        blow_up(&mut trainer, &[1]);
        let metrics = trainer.iterate().unwrap();
        assert_eq!(metrics[0].decisions, 256, "the batch is full all the same");
        assert_eq!(trainer.diverged, 1);
        let [divergence] = &trainer.take_divergences()[..] else { panic!("one divergence") };
        assert_eq!((divergence.task.as_str(), divergence.seed), ("cartpole-swingup", 1));
        // 64 decisions of 4 control steps were made before.
        assert_eq!(divergence.step, 256);
        assert!(trainer.statistics.seeds[0].observations.std().iter().all(|d| *d < 1e3));
        trainer.iterate().unwrap();
    }

    #[test]
    fn more_than_one_divergence_in_a_thousand_episodes_stops_the_run() {
        let mut trainer = small();
        trainer.iterate().unwrap();
        blow_up(&mut trainer, &[0, 1]);
        let error = trainer.iterate().unwrap_err().to_string();
        for part in ["2 of 2 simulated episodes", "one in a thousand", "seed 1", "BADQACC"] {
            assert!(error.contains(part), "{error}");
        }
        // Two in two thousand and one are fewer.
        let mut trainer = small();
        trainer.iterate().unwrap();
        trainer.episodes = 2000;
        blow_up(&mut trainer, &[0, 1]);
        trainer.iterate().unwrap();
    }

    #[test]
    fn all_seeds_together_learn_what_each_learns_by_itself() {
        use crate::nn::shard::tests::TOGETHER;
        for (estimator, update) in [
            ("dynamics", "ppo"),
            ("q_network", "ppo"),
            ("simulated_states", "ppo"),
            ("rewind", "ppo"),
            ("dynamics", "a2c"),
            ("dynamics", "trpo"),
        ] {
            let run = |together: bool| {
                TOGETHER.set(together);
                let config = small().config;
                // One thread: the flag is this thread's.
                let mut config = Config { seeds: vec![3, 1, 2], threads: 1, ..config };
                (config.estimator.kind, config.update.kind) =
                    (estimator.to_owned(), update.to_owned());
                let mut trainer = Trainer::new(config, Device::Cpu).unwrap();
                let metrics = [trainer.iterate().unwrap(), trainer.iterate().unwrap()].concat();
                TOGETHER.set(false);
                let params = crate::nn::to_vec(trainer.actor.params());
                (metrics, params)
            };
            let ((alone, a), (together, b)) = (run(false), run(true));
            assert_eq!(alone.len(), 6);
            for (alone, together) in alone.iter().zip(&together) {
                assert_eq!(
                    (alone.seed, alone.episode_return),
                    (together.seed, together.episode_return)
                );
                // Batched products round differently: nothing else may differ.
                let pairs = [
                    (alone.policy_loss, together.policy_loss),
                    (alone.value_loss, together.value_loss),
                    (alone.kl, together.kl),
                    (alone.transition_error, together.transition_error),
                ];
                for (alone, together) in pairs {
                    let off = (alone - together).abs();
                    assert!(
                        off <= 2e-3 * alone.abs() + 1e-5,
                        "{estimator} {update}: {alone} {together}"
                    );
                }
            }
            let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 2e-3, "{estimator} {update}: {off}");
        }
    }

    #[test]
    fn n_and_h_rise_in_a_straight_line() {
        let at = |progress| ramped(9, progress, 0.5);
        assert_eq!([at(0.0), at(0.25), at(0.5), at(1.0)], [1, 5, 9, 9]);
        assert_eq!(ramped(9, 0.0, 0.0), 9);
    }

    #[test]
    fn a_weight_that_is_not_a_number_stops_the_run_with_its_name() {
        let mut trainer = small();
        trainer.iterate().unwrap();
        let _ = trainer.critic.params().get(0).get(3).fill_(f64::NAN);
        let error = trainer.iterate().unwrap_err().to_string();
        assert!(error.contains("iteration 2") && error.contains("is NaN"), "{error}");
    }

    #[test]
    fn the_same_trainer_twice_is_the_same_to_the_bit_and_learns_something() {
        let run = || {
            let mut trainer = small();
            let before = trainer.actor.state().params;
            while !trainer.is_finished() {
                trainer.iterate().unwrap();
            }
            let transition = trainer.estimator.networks()[0].1.state();
            (before, trainer.actor.state(), transition)
        };
        let (before, actor, transition) = run();
        assert_ne!(before, actor.params);
        assert_eq!((before, actor, transition), run());
    }

    #[test]
    fn what_does_not_exist_or_would_never_be_used_is_refused() {
        let refused = |change: &dyn Fn(&mut Config)| {
            let mut config = small().config;
            change(&mut config);
            Trainer::new(config, Device::Cpu).unwrap_err().to_string()
        };
        let error = refused(&|config| config.estimator.kind = "dynamic".to_owned());
        assert!(error.contains("did you mean dynamics?"), "{error}");
        let error = refused(&|config| config.update.kind = "tropo".to_owned());
        assert!(error.contains("did you mean trpo?"), "{error}");
        let error = refused(&|config| config.model.start = 513);
        assert!(error.contains("would be PPO") && error.contains("512 decisions"), "{error}");
    }
}
