//! The algorithm of the paper, in its own order.
//!
//! Seeds are the first dimension of everything. One iteration: act in the real environment, learn
//! the dynamics from the replay buffer, let the estimator score every visited state with N + 1
//! actions, improve actor and critic.

use crate::advisor::{Advisor, Spent};
use crate::config::{Config, EstimatorKind};
use crate::data::{Experience, Prepared, Units};
use crate::estimator::{Context, Estimator, Learned, QNetwork, Rewind};
use crate::metrics::{Best, Clock, Metrics, Phase};
use crate::nn::{AdamOptions, Network};
use crate::rollout::{Batch, Rollout};
use crate::update::{UpdateReport, update};
use crate::world_model::{ModelError, WorldModel};
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
    /// More than one episode in a thousand blew up.
    #[error("{diverged} of {episodes} simulated episodes diverged, more than one in a thousand{}", last.as_ref().map_or_else(String::new, |last| format!("; the last: {last}")))]
    Diverges {
        /// Episodes that diverged.
        diverged: usize,
        /// All episodes.
        episodes: usize,
        /// The last one.
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
    /// The dynamics model, where the estimator learns one.
    pub model: Option<WorldModel>,
    /// The action-value network, where the estimator learns one.
    pub q_network: Option<QNetwork>,
    /// Running statistics and replay buffers.
    pub experience: Experience,
    /// The real environments.
    pub rollout: Rollout,
    /// Iterations so far.
    pub iteration: u64,
    /// Whether the dynamics model has been trained at all.
    pub model_trained: bool,
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
    /// [`task::Error`] when the task cannot be loaded.
    pub fn new(config: Config, device: Device) -> Result<Self, TrainError> {
        let task = config.find_task()?;
        let (observations, actions) = (task.observations.len(), task.actions.len());
        let options = AdamOptions { epsilon: config.update.adam_epsilon };
        let network =
            |index: u64, shape: MlpShape, activation, head_gain: f32, extra: (usize, f32)| {
                let rng = |seed: &u64| stream(*seed, Purpose::Initialisation, index);
                let mut rngs: Vec<_> = config.seeds.iter().map(rng).collect();
                Network::new(&mut rngs, shape, activation, head_gain, extra, options, device)
            };
        let actor = &config.actor;
        let actor_shape = MlpShape::new(observations, actor.hidden, actions);
        let critic_shape = MlpShape::new(observations, config.critic.hidden, 1);
        let q_network = || {
            let sizes = (observations, actions);
            QNetwork::new(&config.seeds, sizes, &config.critic, options, device)
        };
        let model = || WorldModel::new(&config, observations, actions, device);
        Ok(Self {
            task,
            device,
            actor: network(
                0,
                actor_shape,
                actor.activation,
                0.01,
                (actions, actor.initial_log_std),
            ),
            critic: network(1, critic_shape, config.critic.activation, 1.0, (0, 0.0)),
            model: config.estimator.kind.has_model().then(model),
            q_network: (config.estimator.kind == EstimatorKind::QNetwork).then(q_network),
            experience: Experience::new(&config, observations, actions),
            rollout: Rollout::new(&config)?,
            iteration: 0,
            model_trained: false,
            advisor: Advisor::new(&config),
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
        self.experience.scale(&self.config, seed_index)
    }

    /// The units that the networks compute in now.
    #[must_use]
    pub fn units(&self) -> Units {
        self.experience.units(&self.config)
    }

    /// Networks with the names they have in messages and checkpoints.
    pub fn networks(&self) -> Vec<(&'static str, &Network)> {
        let mut networks = vec![("actor", &self.actor), ("critic", &self.critic)];
        networks.extend(self.model.iter().flat_map(WorldModel::networks));
        networks.extend(self.q_network.iter().map(|q| ("q_network", q.network())));
        networks
    }

    /// The same, to be changed.
    pub fn networks_mut(&mut self) -> Vec<(&'static str, &mut Network)> {
        let mut networks = vec![("actor", &mut self.actor), ("critic", &mut self.critic)];
        networks.extend(self.model.iter_mut().flat_map(WorldModel::networks_mut));
        networks.extend(self.q_network.iter_mut().map(|q| ("q_network", q.network_mut())));
        networks
    }

    /// One iteration: act, learn what the estimator needs, score N + 1 actions a state, improve. The
    /// metrics of every seed.
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
        let (newest, units, real) = clock.time(Phase::Preparing, || {
            let newest = self.experience.remember(&self.config, &batch);
            let units = self.units();
            let (config, critic) = (&self.config, &self.critic);
            let real = self.experience.prepare(config, &batch, &units, critic, self.device);
            (newest, units, real)
        });

        // Learn the dynamics, or the actions' values, from what has been seen.
        let errors = clock.time(Phase::Model, || self.learn(&real, &newest, &units));

        // Score every visited state: who supplies the extra actions?
        let estimator = self.estimator(&batch, &agents, &units);
        let context = self.context(&real);
        let samples = clock.time(Phase::Extra, || estimator.samples(&context))?;
        let scored = match estimator {
            Estimator::Single => (0, 0),
            Estimator::QNetwork(_) => (context.num_actions, 0),
            _ => (context.num_actions, context.horizon),
        };

        // Improve actor and critic.
        let (actor, critic) = (&mut self.actor, &mut self.critic);
        let reports = clock.time(Phase::Policy, || {
            update(actor, critic, &real.rollout, &samples, &self.config, self.iteration)
        });
        let learning_rate = self.config.learning_rate(self.iteration);
        if let Some(advisor) = &mut self.advisor {
            let spent = Spent::of(start, &clock);
            advisor.look(&self.config, self.iteration, &agents, &samples, spent);
        }
        self.iteration += 1;

        let seconds = start.elapsed().as_secs_f64();
        let mut metrics = self.metrics(&batch, &real, &samples.advantages, &reports, &errors);
        for seed in &mut metrics {
            (seed.num_actions, seed.horizon) = scored;
            seed.learning_rate = learning_rate;
            (seed.seconds, seed.clock) = (seconds, clock);
        }
        self.check(&metrics)?;
        self.count_divergences(batch)?;
        Ok(metrics)
    }

    /// Whether enough has been seen for the dynamics to be trained and used.
    fn may_model(&self) -> bool {
        (self.iteration + 1) * self.config.batch() as u64 >= self.config.model.start
    }

    /// Trains what the estimator needs beside actor and critic.
    fn learn(&mut self, real: &Prepared, newest: &[Vec<usize>], units: &Units) -> Vec<ModelError> {
        let may_model = self.may_model();
        let config = &self.config;
        let (when, threads) = ((&config.seeds[..], self.iteration), config.num_threads());
        if let Some(q_network) = &mut self.q_network {
            let learning_rate = config.learning_rate(self.iteration);
            let _ = q_network.fit(&real.rollout, when, &config.update, learning_rate, threads);
        }
        let Some(model) = self.model.as_mut().filter(|_| may_model) else {
            return vec![ModelError::default(); config.num_seeds()];
        };
        let buffers = &self.experience.buffers;
        let errors = model.errors(buffers, newest, units);
        let first = !self.model_trained;
        let steps = if first { config.model.first_steps } else { config.model.steps };
        model.train(buffers, units, steps, when, threads);
        self.model_trained = true;
        if let Device::Cuda(card) = self.device {
            // Else the next phase would be booked for this one's work.
            tch::Cuda::synchronize(card as i64);
        }
        errors
    }

    /// Who supplies the extra actions of this iteration.
    fn estimator<'a>(
        &'a self,
        batch: &'a Batch,
        agents: &'a Arc<Vec<Agent>>,
        units: &'a Units,
    ) -> Estimator<'a> {
        let learned = |model| Learned {
            model,
            changes: &units.changes,
            observation_clip: self.config.normalise.observation_clip,
        };
        let model = self.model.as_ref().filter(|_| self.may_model());
        match (self.config.estimator.kind, model, &self.q_network) {
            (EstimatorKind::Dynamics, Some(model), _) => Estimator::Dynamics(learned(model)),
            (EstimatorKind::SimulatedStates, Some(model), _) => {
                Estimator::SimulatedStates(learned(model))
            }
            (EstimatorKind::QNetwork, _, Some(q_network)) => Estimator::QNetwork(q_network),
            (EstimatorKind::Rewind, ..) => Estimator::Rewind(Rewind {
                rollout: &self.rollout,
                states: &batch.states,
                agents,
                units,
                bootstrap_truncation: self.config.bootstrap_truncation,
                common_noise: false,
            }),
            _ => Estimator::Single,
        }
    }

    fn context<'a>(&'a self, real: &'a Prepared) -> Context<'a> {
        let (config, estimator) = (&self.config, &self.config.estimator);
        let progress = self.iteration as f64 / config.iterations() as f64;
        Context {
            actor: &self.actor,
            critic: &self.critic,
            real: &real.rollout,
            discount: config.discount(),
            num_actions: (self.advisor.as_ref().and_then(Advisor::chosen))
                .unwrap_or_else(|| grown(estimator.num_actions, progress, estimator.ramp_fraction)),
            horizon: grown(estimator.horizon, progress, estimator.ramp_fraction),
            noise: estimator.noise,
            seeds: &config.seeds,
            iteration: self.iteration,
            threads: config.num_threads(),
        }
    }

    /// A simulation that blows up now and then costs an episode; one that does so often is no
    /// simulation.
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

    /// Simulations that blew up in the last iteration.
    pub fn take_divergences(&mut self) -> Vec<Divergence> {
        std::mem::take(&mut self.divergences)
    }

    fn metrics(
        &self,
        batch: &Batch,
        real: &Prepared,
        advantages: &Tensor,
        reports: &[UpdateReport],
        errors: &[ModelError],
    ) -> Vec<Metrics> {
        let of = |(s, (report, error)): (usize, (&UpdateReport, &ModelError))| Metrics {
            iteration: self.iteration,
            seed: self.config.seeds[s],
            decisions: self.decisions(),
            episode_return: mean(&batch.returns[s]),
            policy_loss: report.policy_loss,
            value_loss: report.value_loss,
            kl: report.kl,
            clip_fraction: report.clip_fraction,
            explained_variance: real.explained_variance(s),
            log_std: self.actor.extra().get(s as i64).mean(tch::Kind::Float).double_value(&[]),
            transition_error: error.transition,
            reward_error: error.reward,
            extra_advantage_correlation: extra_advantage_correlation(&advantages.get(s as i64)),
            ..Metrics::default()
        };
        reports.iter().zip(errors).enumerate().map(of).collect()
    }

    /// A number that is not finite stops the run before anything of it is saved.
    fn check(&self, metrics: &[Metrics]) -> Result<(), TrainError> {
        let losses = metrics.iter().flat_map(|seed| {
            let terms = [
                ("the policy loss", seed.policy_loss),
                ("the value loss", seed.value_loss),
                ("the transition error", seed.transition_error),
                ("the reward error", seed.reward_error),
            ];
            terms.map(|(term, value)| (term.to_owned(), value))
        });
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

/// N or H at a point of the run: from 1 to `full` in a straight line over the first `share` of it.
fn grown(full: usize, progress: f64, share: f64) -> usize {
    if share <= 0.0 {
        return full;
    }
    1 + ((full - 1) as f64 * (progress / share).min(1.0)).round() as usize
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
    use crate::config::UpdateKind;
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
        assert!(trainer.experience.statistics[0].observations.std().iter().all(|d| *d < 1e3));
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
        let kinds = [
            EstimatorKind::Dynamics,
            EstimatorKind::QNetwork,
            EstimatorKind::SimulatedStates,
            EstimatorKind::Rewind,
        ];
        for (estimator, update) in kinds.into_iter().map(|kind| (kind, UpdateKind::Ppo)).chain([
            (EstimatorKind::Dynamics, UpdateKind::A2c),
            (EstimatorKind::Dynamics, UpdateKind::Trpo),
        ]) {
            let run = |together: bool| {
                TOGETHER.set(together);
                let config = small().config;
                // One thread: the flag is this thread's.
                let mut config = Config { seeds: vec![3, 1, 2], threads: 1, ..config };
                (config.estimator.kind, config.update.kind) = (estimator, update);
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
                        "{estimator:?} {update:?}: {alone} {together}"
                    );
                }
            }
            let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 2e-3, "{estimator:?} {update:?}: {off}");
        }
    }

    #[test]
    fn n_and_h_grow_in_a_straight_line() {
        let at = |progress| grown(9, progress, 0.5);
        assert_eq!([at(0.0), at(0.25), at(0.5), at(1.0)], [1, 5, 9, 9]);
        assert_eq!(grown(9, 0.0, 0.0), 9);
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
            let model = trainer.model.unwrap();
            let transition = model.networks().next().unwrap().1.state();
            (before, trainer.actor.state(), transition)
        };
        let (before, actor, transition) = run();
        assert_ne!(before, actor.params);
        assert_eq!((before, actor, transition), run());
    }
}
