//! The algorithm of the paper, in its own order.
//!
//! Seeds are the first dimension of everything. One iteration: act in the real environment, learn
//! the dynamics from the replay buffer, let the estimator score every visited state with N + 1
//! actions, improve actor and critic.

use crate::agent::Agent;
use crate::config::{Config, EstimatorKind, NoiseScheme};
use crate::dynamics::{ModelError, Units, WorldModel};
use crate::estimator::{Estimator, Imagination, RealRollout};
use crate::nn::{AdamOptions, Network, to_vec};
use crate::random::{Purpose, stream};
use crate::replay::{ReplayBuffer, Transition};
use crate::rollout::{Batch, Rollout};
use crate::run::metrics::{Clock, Metrics, Phase};
use crate::statistics::{ObservationScale, RunningStatistics};
use crate::task::{self, Divergence, Task};
use crate::update::{self, PpoOptions};
use daa_core::MlpShape;
use daa_core::advantage::gae;
use std::sync::Arc;
use std::time::Instant;
use tch::{Device, Tensor};

/// Rewards divided by their return's deviation are kept within this.
const REWARD_CLIP: f32 = 10.0;

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
        term: &'static str,
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

/// Statistics of one seed that learning depends on.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SeedStatistics {
    /// Of raw observations.
    pub observations: RunningStatistics,
    /// Of changes of normalised observations.
    pub changes: RunningStatistics,
    /// Of discounted returns, as they build up.
    pub returns: RunningStatistics,
    /// The discounted return of each environment so far.
    pub building_up: Vec<f32>,
}

/// A run in progress.
#[derive(Debug)]
pub struct Trainer {
    pub(crate) config: Config,
    task: &'static Task,
    device: Device,
    pub(crate) actor: Network,
    pub(crate) critic: Network,
    pub(crate) model: Option<WorldModel>,
    pub(crate) statistics: Vec<SeedStatistics>,
    pub(crate) buffers: Vec<ReplayBuffer>,
    pub(crate) rollout: Rollout,
    pub(crate) iteration: u64,
    pub(crate) model_trained: bool,
    pub(crate) episodes: usize,
    pub(crate) diverged: usize,
    divergences: Vec<Divergence>,
}

impl Trainer {
    /// Fresh networks and environments.
    ///
    /// # Errors
    /// [`task::Error`] when the task cannot be loaded.
    pub fn new(config: Config, device: Device) -> Result<Self, TrainError> {
        let task = config.find_task().map_err(task::Error::from)?;
        let (observations, actions) = (task.observations.len(), task.actions.len());
        let rngs = |index: u64| -> Vec<_> {
            config.seeds.iter().map(|seed| stream(*seed, Purpose::Initialisation, index)).collect()
        };
        let options = AdamOptions { epsilon: config.adam_epsilon };
        let actor_shape = MlpShape::new(observations, config.actor_hidden, actions);
        let critic_shape = MlpShape::new(observations, config.critic_hidden, 1);
        let (activation, log_std) = (config.activation, (actions, config.initial_log_std));
        let model = (config.estimator == EstimatorKind::Dynamics)
            .then(|| WorldModel::new(&config, observations, actions, device));
        let statistics = SeedStatistics {
            observations: RunningStatistics::new(observations),
            changes: RunningStatistics::new(observations),
            returns: RunningStatistics::new(1),
            building_up: vec![0.0; config.environments],
        };
        let capacity = if model.is_some() { config.replay_capacity } else { 1 };
        Ok(Self {
            task,
            device,
            actor: Network::new(
                &mut rngs(0),
                actor_shape,
                activation,
                0.01,
                log_std,
                options,
                device,
            ),
            critic: Network::new(
                &mut rngs(1),
                critic_shape,
                activation,
                1.0,
                (0, 0.0),
                options,
                device,
            ),
            model,
            statistics: vec![statistics; config.num_seeds()],
            buffers: vec![ReplayBuffer::new(capacity, observations, actions); config.num_seeds()],
            rollout: Rollout::new(&config)?,
            iteration: 0,
            model_trained: false,
            episodes: 0,
            diverged: 0,
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
        let Config { normalise_observations, observation_clip, .. } = self.config;
        let statistics = &self.statistics[seed_index].observations;
        ObservationScale::new(statistics, normalise_observations, observation_clip)
    }

    /// One seed's factor of the rewards.
    #[must_use]
    pub fn reward_scale(&self, seed_index: usize) -> f32 {
        if !self.config.normalise_rewards {
            return 1.0;
        }
        1.0 / self.statistics[seed_index].returns.deviation()[0]
    }

    /// One seed's unit of the transition network's outputs.
    #[must_use]
    pub fn change_scale(&self, seed_index: usize) -> Vec<f32> {
        use daa_core::dynamics::TransitionTarget;
        match self.config.transition_target {
            TransitionTarget::Next => vec![1.0; self.task.observations.len()],
            TransitionTarget::Difference => self.statistics[seed_index].changes.deviation(),
        }
    }

    /// One iteration: act, learn the dynamics, score N + 1 actions a state, improve.
    ///
    /// # Errors
    /// [`TrainError`]: an environment failed, or a loss is not finite.
    pub fn iterate(&mut self) -> Result<Metrics, TrainError> {
        let _no_grad = tch::no_grad_guard();
        let start = Instant::now();
        let mut clock = Clock::default();
        let seeds = self.config.seeds.clone();
        let progress = self.iteration as f64 / self.config.iterations() as f64;

        // Act in the real environment.
        let agents = Arc::new((0..seeds.len()).map(|s| self.agent(s)).collect());
        let batch = clock.time(Phase::Acting, || self.rollout.collect(&agents, self.iteration))?;
        let newest = clock.time(Phase::Preparing, || self.remember(&batch));
        let real = clock.time(Phase::Preparing, || self.prepare(&batch));

        // Learn the dynamics from what has been seen.
        let decisions = (self.iteration + 1) * self.config.batch() as u64;
        let may_model = decisions >= self.config.model_start;
        let mut model_error = ModelError::default();
        let changes: Vec<_> = (0..seeds.len()).map(|s| self.change_scale(s)).collect();
        if may_model && let Some(model) = &mut self.model {
            let Config { normalise_observations, observation_clip, .. } = self.config;
            let scale = |s: &SeedStatistics| {
                ObservationScale::new(&s.observations, normalise_observations, observation_clip)
            };
            let scales: Vec<_> = self.statistics.iter().map(scale).collect();
            let reward_scales = &real.reward_scales;
            let units = Units { scales: &scales, changes: &changes, reward_scales };
            model_error = clock.time(Phase::Model, || model.error(&self.buffers, &newest, units));
            let first = !self.model_trained;
            let steps = if first { self.config.model_first_steps } else { self.config.model_steps };
            let iteration = self.iteration;
            clock
                .time(Phase::Model, || model.train(&self.buffers, units, steps, &seeds, iteration));
            self.model_trained = true;
        }

        // Score every visited state: who supplies the extra actions?
        let grown = |full: usize| grown(full, progress, self.config.growth);
        let estimator = match &self.model {
            Some(model) if may_model => Estimator::Dynamics(Imagination {
                model,
                changes: &changes,
                observation_clip: self.config.observation_clip,
                critic: &self.critic,
                discount: self.config.discount(),
                num_actions: grown(self.config.num_actions),
                horizon: grown(self.config.horizon),
                antithetic: self.config.noise == NoiseScheme::Antithetic,
                seeds: &seeds,
                iteration: self.iteration,
                threads: self.config.num_threads(),
            }),
            _ => Estimator::Single,
        };
        let samples =
            clock.time(Phase::Imagination, || estimator.samples(&self.actor, &real.rollout));

        // Improve actor and critic.
        let options = self.options(progress);
        let (actor, critic) = (&mut self.actor, &mut self.critic);
        let report = clock.time(Phase::Policy, || {
            update::update(actor, critic, &real.rollout, &samples, &seeds, self.iteration, options)
        });
        self.iteration += 1;

        let metrics = Metrics {
            iteration: self.iteration,
            decisions: self.decisions(),
            episode_return: mean_return(&batch),
            policy_loss: report.policy_loss,
            value_loss: report.value_loss,
            kl: report.kl,
            clip_fraction: report.clip_fraction,
            explained_variance: explained_variance(&real),
            log_std: self.actor.extra().mean(tch::Kind::Float).double_value(&[]),
            transition_error: model_error.transition,
            reward_error: model_error.reward,
            extra_advantage_correlation: extra_advantage_correlation(&samples.advantages),
            learning_rate: options.learning_rate,
            seconds: start.elapsed().as_secs_f64(),
            clock,
            ..Metrics::default()
        };
        self.check(&metrics)?;
        self.count_divergences(batch)?;
        Ok(metrics)
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

    fn options(&self, progress: f64) -> PpoOptions {
        let config = &self.config;
        let anneal = if config.anneal_learning_rate { 1.0 - progress } else { 1.0 };
        PpoOptions {
            epochs: config.epochs,
            minibatch: config.minibatch,
            clip: config.clip,
            value_clip: (config.value_clip > 0.0).then_some(config.value_clip),
            value_coefficient: config.value_coefficient,
            entropy_coefficient: config.entropy_coefficient,
            max_norm: config.max_norm(),
            learning_rate: config.learning_rate * anneal,
            real_weight: config.real_weight,
            normalise_advantages: config.normalise_advantages,
        }
    }

    /// Takes a batch into statistics and replay buffers. Returns where its transitions lie.
    fn remember(&mut self, batch: &Batch) -> Vec<Vec<usize>> {
        let (observations, actions) = (self.task.observations.len(), self.task.actions.len());
        let states = self.config.batch();
        let mut newest = Vec::new();
        for (s, statistics) in self.statistics.iter_mut().enumerate() {
            let seen =
                &batch.observations[s * states * observations..(s + 1) * states * observations];
            let next = &batch.next_observations
                [s * states * observations..(s + 1) * states * observations];
            let taken = &batch.actions[s * states * actions..(s + 1) * states * actions];
            let rewards = &batch.rewards[s * states..(s + 1) * states];
            statistics.observations.update(seen);
            let scale = ObservationScale::new(
                &statistics.observations,
                self.config.normalise_observations,
                self.config.observation_clip,
            );
            let (mut z, mut z_next) = (vec![0.0; observations], vec![0.0; observations]);
            let steps = self.config.trajectory_len;
            let mut lie = Vec::new();
            for t in 0..states {
                let row =
                    |values: &'_ [f32]| values[t * observations..(t + 1) * observations].to_vec();
                let (observation, next) = (row(seen), row(next));
                scale.normalise(&observation, &mut z);
                scale.normalise(&next, &mut z_next);
                z_next.iter_mut().zip(&z).for_each(|(next, z)| *next -= z);
                statistics.changes.update(&z_next);
                let so_far = &mut statistics.building_up[t / steps];
                *so_far = *so_far * self.config.gamma + rewards[t];
                statistics.returns.update(&[*so_far]);
                if batch.episode_ends[s * states + t] {
                    *so_far = 0.0;
                }
                if self.model.is_some() {
                    let action = &taken[t * actions..(t + 1) * actions];
                    let reward = rewards[t];
                    let buffer = &mut self.buffers[s];
                    lie.push(buffer.push(Transition {
                        observation: &observation,
                        action,
                        reward,
                        next: &next,
                    }));
                }
            }
            newest.push(lie);
        }
        newest
    }

    /// Normalised tensors, values and generalised advantages of a batch.
    fn prepare(&self, batch: &Batch) -> Prepared {
        let (observations, actions) = (self.task.observations.len(), self.task.actions.len());
        let (seeds, states) = (self.config.num_seeds(), self.config.batch());
        let mut z = vec![0.0; batch.observations.len()];
        let mut z_next = vec![0.0; batch.observations.len()];
        let reward_scales: Vec<f32> = (0..seeds).map(|s| self.reward_scale(s)).collect();
        let mut rewards = batch.rewards.clone();
        for s in 0..seeds {
            let scale = self.scale(s);
            let rows = s * states * observations..(s + 1) * states * observations;
            let normalise = |raw: &[f32], z: &mut [f32]| {
                raw.chunks_exact(observations)
                    .zip(z.chunks_exact_mut(observations))
                    .for_each(|(raw, z)| scale.normalise(raw, z));
            };
            normalise(&batch.observations[rows.clone()], &mut z[rows.clone()]);
            normalise(&batch.next_observations[rows.clone()], &mut z_next[rows]);
            for reward in &mut rewards[s * states..(s + 1) * states] {
                *reward *= reward_scales[s];
                if self.config.normalise_rewards {
                    *reward = daa_core::guard::limit(*reward, -REWARD_CLIP, REWARD_CLIP);
                }
            }
        }
        let tensor = |values: &[f32], width: usize| {
            Tensor::from_slice(values)
                .view([seeds as i64, states as i64, width as i64])
                .to_device(self.device)
        };
        let (z, z_next) = (tensor(&z, observations), tensor(&z_next, observations));
        let values = to_vec(&self.critic.predict(&z));
        let next_values = to_vec(&self.critic.predict(&z_next));
        let mut advantages = vec![0.0; values.len()];
        // One trajectory an environment: every one ends with an `End` other than `Continues`.
        gae(&rewards, &values, &next_values, &batch.ends, self.config.discount(), &mut advantages);
        let rollout = RealRollout {
            z,
            actions: tensor(&batch.actions, actions),
            advantages: tensor(&advantages, 1).squeeze_dim(2),
            values: tensor(&values, 1).squeeze_dim(2),
        };
        Prepared { rollout, values, advantages, reward_scales }
    }

    /// A number that is not finite stops the run before anything of it is saved.
    fn check(&self, metrics: &Metrics) -> Result<(), TrainError> {
        let mut terms = vec![
            ("the policy loss", metrics.policy_loss),
            ("the value loss", metrics.value_loss),
            ("the transition error", metrics.transition_error),
            ("the reward error", metrics.reward_error),
            ("a weight of the actor", self.actor.params().sum(tch::Kind::Float).double_value(&[])),
            (
                "a weight of the critic",
                self.critic.params().sum(tch::Kind::Float).double_value(&[]),
            ),
        ];
        if let Some(model) = &self.model {
            let sum = |network: &Network| network.params().sum(tch::Kind::Float).double_value(&[]);
            terms.push(("a weight of the transition network", sum(&model.transition)));
            terms.push(("a weight of the reward network", sum(&model.reward)));
        }
        match terms.into_iter().find(|(_, value)| !value.is_finite()) {
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

/// A batch as the estimator takes it.
struct Prepared {
    rollout: RealRollout,
    values: Vec<f32>,
    advantages: Vec<f32>,
    reward_scales: Vec<f32>,
}

/// Mean over seeds of the mean return of the episodes that ended; none when none did.
fn mean_return(batch: &Batch) -> Option<f64> {
    let means: Vec<f64> = batch
        .returns
        .iter()
        .filter(|returns| !returns.is_empty())
        .map(|returns| returns.iter().sum::<f64>() / returns.len() as f64)
        .collect();
    (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
}

/// `1 - Var[R - V] / Var[R]`: 1 for a perfect critic, 0 for a constant one.
fn explained_variance(prepared: &Prepared) -> f64 {
    let variance = |values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
    };
    let pairs = || prepared.advantages.iter().zip(&prepared.values);
    let targets = variance(&mut pairs().map(|(a, v)| f64::from(a + v)));
    let errors = variance(&mut pairs().map(|(a, _)| f64::from(*a)));
    if targets > 0.0 { 1.0 - errors / targets } else { 0.0 }
}

/// Correlation, over states, of the real action's advantage and the mean of the extra ones'. Both
/// hold the critic's error at the state; none without extra actions.
fn extra_advantage_correlation(advantages: &Tensor) -> Option<f64> {
    let extra = advantages.size()[2] - 1;
    if extra < 1 {
        return None;
    }
    let real = advantages.select(2, 0).flatten(0, 1);
    let mean =
        advantages.narrow(2, 1, extra).mean_dim(&[2i64][..], false, tch::Kind::Float).flatten(0, 1);
    Some(Tensor::stack(&[real, mean], 0).corrcoef().double_value(&[0, 1]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn small() -> Trainer {
        let config = Config {
            environments: 2,
            trajectory_len: 64,
            minibatch: 64,
            decisions: 512,
            model_start: 0,
            model_steps: 4,
            model_first_steps: 8,
            num_actions: 2,
            horizon: 2,
            epochs: 2,
            ..Config::default()
        };
        Trainer::new(config, Device::Cpu).unwrap()
    }

    /// Speeds that MuJoCo takes for sound, and that blow up in the next step.
    pub(crate) fn blow_up(trainer: &mut Trainer, environments: &[usize]) {
        let mut states = trainer.rollout.state().unwrap();
        for &environment in environments {
            // Time, two positions, two velocities.
            states[environment].episode().integration[4] = 9e9;
        }
        trainer.rollout.restore(&states).unwrap();
    }

    #[test]
    fn a_diverged_simulation_costs_its_episode_and_is_counted() {
        let mut trainer = small();
        trainer.iterate().unwrap();
        assert_eq!((trainer.diverged, trainer.take_divergences().len()), (0, 0));
        blow_up(&mut trainer, &[1]);
        let metrics = trainer.iterate().unwrap();
        assert_eq!(metrics.decisions, 256, "the batch is full all the same");
        assert_eq!(trainer.diverged, 1);
        let [divergence] = &trainer.take_divergences()[..] else { panic!("one divergence") };
        assert_eq!((divergence.task.as_str(), divergence.seed), ("cartpole-swingup", 1));
        // 64 decisions of 4 control steps were made before.
        assert_eq!(divergence.step, 256);
        assert!(trainer.statistics[0].observations.deviation().iter().all(|d| *d < 1e3));
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
            (before, trainer.actor.state(), trainer.model.unwrap().transition.state())
        };
        let (before, actor, transition) = run();
        assert_ne!(before, actor.params);
        assert_eq!((before, actor, transition), run());
    }
}
