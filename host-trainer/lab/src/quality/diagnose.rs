//! How good the estimators' advantages are: held against rollouts in the rewound simulator.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `extra` | `[1, M, N, A]` | actions of M visited states, the same for all estimators |
//! | `truth` | `[M, N]` | mean of K Monte-Carlo advantages (lambda = 1) from the simulator itself, the actions of a state followed by the same noise |
//! | `estimate` | `[M, N]` | of an estimator |

use anyhow::{Context as _, Result, bail};
use daa_core::advantage::Discount;
use daa_envs::{State, output};
use daa_trainer::config::{Config, EstimatorKind, NoiseScheme};
use daa_trainer::data::RealRollout;
use daa_trainer::data::{Experience, Units};
use daa_trainer::estimator::{Context, Learned, QNetwork, Rewind, extra_actions};
use daa_trainer::nn::{AdamOptions, Network, to_vec};
use daa_trainer::rollout::{Batch, Rollout};
use daa_trainer::run::open::load;
use daa_trainer::train::Trainer;
use daa_trainer::world_model::WorldModel;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use tch::{Device, Tensor};

/// Arguments of `host-trainer diagnose`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The run whose policy is looked at
    run: PathBuf,
    /// Visited states
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    states: u32,
    /// Actions of each state
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1024))]
    actions: u32,
    /// Rollouts of each action behind the truth
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    rollouts: u32,
    /// Steps of each of them, then the critic
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    truth_horizon: u32,
    /// Batches of the policy's own data from which a model or Q-network that the run lacks is learned
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batches: u32,
    /// Which of the run's seeds; default: the first
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How an estimator's advantages compare with the truth.
#[derive(Clone, Debug, Serialize)]
pub struct Quality {
    /// Which estimator.
    pub estimator: &'static str,
    /// Correlation with the truth over all states and actions.
    pub correlation: f64,
    /// The same after each state's mean is taken away: what tells good actions from bad ones.
    pub correlation_within_states: f64,
    /// Mean difference.
    pub bias: f64,
    /// Root of the mean squared difference, each state's mean taken away.
    pub error_within_states: f64,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The task.
    pub task: String,
    /// Deviation of the true advantages within a state.
    pub deviation_within_states: f64,
    /// Correlation, within states, of two independent halves of the truth, stepped up to the whole
    /// (Spearman-Brown): no estimator can be seen to do better than its root.
    pub reliability: f64,
    /// One entry an estimator.
    pub qualities: Vec<Quality>,
}

/// One seed's networks and data.
pub(crate) struct Subject {
    pub(crate) config: Config,
    pub(crate) actor: Network,
    pub(crate) critic: Network,
    pub(crate) model: Option<WorldModel>,
    pub(crate) q_network: Option<QNetwork>,
    pub(crate) experience: Experience,
    pub(crate) rollout: Rollout,
    pub(crate) agents: Arc<Vec<daa_envs::agent::Agent>>,
    pub(crate) units: Units,
}

/// Diagnoses a run.
///
/// # Errors
/// When there is no such run or seed, or an environment fails.
pub fn run(args: &Args) -> Result<()> {
    let (_, trainer) = load(&args.run)?;
    let report = diagnose(&trainer, args)?;
    if args.json {
        return output::line(serde_json::to_string(&report)?);
    }
    output::line(format!(
        "{}: {} states, {} actions each; the truth is the mean of {} rollouts of {} steps",
        report.task, args.states, args.actions, args.rollouts, args.truth_horizon
    ))?;
    output::line(format!(
        "true advantages deviate by {:.4} within a state; reliability of the truth {:.2}",
        report.deviation_within_states, report.reliability
    ))?;
    output::line(format!(
        "{:<26} {:>11} {:>13} {:>9} {:>14}",
        "advantages of", "correlation", "within states", "bias", "error (within)"
    ))?;
    for quality in &report.qualities {
        output::line(format!(
            "{:<26} {:>11.3} {:>13.3} {:>9.4} {:>14.4}",
            quality.estimator,
            quality.correlation,
            quality.correlation_within_states,
            quality.bias,
            quality.error_within_states
        ))?;
    }
    Ok(())
}

fn diagnose(trainer: &Trainer, args: &Args) -> Result<Report> {
    let _no_grad = tch::no_grad_guard();
    let (environments, len) = (trainer.config().rollout.num_envs, trainer.config().rollout.length);
    let mut subject = Subject::of(trainer, args.seed, (environments, len))?;
    let batch = subject.learn(trainer, args.batches)?;
    let (states, num_actions) = (args.states as usize, args.actions as usize);
    if states > batch.states.len() {
        bail!("--states {states} is more than a batch of this run has ({})", batch.states.len());
    }
    // Spread over the batch, and so over the episodes.
    let rows: Vec<usize> = (0..states).map(|i| i * batch.states.len() / states).collect();
    let prepared = subject.experience.prepare(
        &subject.config,
        &batch,
        &subject.units,
        &subject.critic,
        Device::Cpu,
    );
    let index: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
    let index = Tensor::from_slice(&index);
    let real = &prepared.rollout;
    let [z, actions, advantages, values] =
        [&real.z, &real.actions, &real.advantages, &real.values].map(|t| t.index_select(1, &index));
    let real = RealRollout { z, actions, advantages, values };
    let visited: Vec<State> = rows.iter().map(|row| batch.states[*row].clone()).collect();

    let context = subject.context(&real, num_actions);
    let extra = extra_actions(&context, &subject.actor.predict(&real.z).tanh());
    let rewind = subject.rewind(&visited);
    // What tells the actions of a state apart is small beside what follows them by chance.
    let common = Rewind { common_noise: true, ..subject.rewind(&visited) };
    let truth = truth(&context, &common, &extra, args)?;
    let learned = subject.model.as_ref().map(|model| Learned {
        model,
        changes: &subject.units.changes,
        observation_clip: subject.config.normalise.observation_clip,
    });
    let mut estimates =
        vec![("rewind, one rollout", widened(&rewind.advantages(&context, &extra)?))];
    let many =
        averaged(&context, args.rollouts, |context| Ok(rewind.advantages(context, &extra)?))?;
    estimates.push(("rewind, mean of many", many));
    if let Some(learned) = &learned {
        estimates.push(("dynamics, one rollout", widened(&learned.advantages(&context, &extra))));
        let many =
            averaged(&context, args.rollouts, |context| Ok(learned.advantages(context, &extra)))?;
        estimates.push(("dynamics, mean of many", many));
    }
    if let Some(q_network) = &subject.q_network {
        estimates.push(("q_network", widened(&q_network.advantages(&context, &extra))));
    }
    let mean: Vec<f64> = truth.iter().map(|(a, b)| 0.5 * (a + b)).collect();
    let mut qualities: Vec<Quality> = estimates
        .iter()
        .map(|(name, estimate)| quality(name, estimate, &mean, num_actions))
        .collect();
    qualities.push(real_actions(&context, &rewind, &real, args)?);
    let halves: (Vec<f64>, Vec<f64>) = truth.into_iter().unzip();
    let half = correlation(&centred(&halves.0, num_actions), &centred(&halves.1, num_actions));
    Ok(Report {
        task: subject.config.task.clone(),
        deviation_within_states: root_mean_square(&centred(&mean, num_actions)),
        reliability: 2.0 * half / (1.0 + half),
        qualities,
    })
}

impl Subject {
    /// Of a seed, the first if none is named, with batches of so many environments and decisions each.
    pub(crate) fn of(
        trainer: &Trainer,
        seed: Option<u64>,
        (environments, trajectory_len): (usize, usize),
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
        (config.rollout.num_envs, config.rollout.length) = (environments, trajectory_len);
        // The run may have no replay buffer: a model is learned from this one.
        config.estimator.kind = EstimatorKind::Dynamics;
        let mut experience = Experience::new(
            &config,
            trainer.task().observations.len(),
            trainer.task().actions.len(),
        );
        config.estimator.kind = EstimatorKind::Rewind;
        experience.statistics = vec![trainer.experience.statistics[seed_index].clone()];
        experience.statistics[0].building_up = vec![0.0; environments];
        let mut units = trainer.units();
        units.scales = vec![units.scales.swap_remove(seed_index)];
        units.changes = vec![units.changes.swap_remove(seed_index)];
        units.reward_scales = vec![units.reward_scales[seed_index]];
        Ok(Self {
            actor: trainer.actor.shard(&shard),
            critic: trainer.critic.shard(&shard),
            model: trainer
                .model
                .as_ref()
                .filter(|_| trainer.model_trained)
                .map(|model| model.shard(&shard)),
            q_network: trainer.q_network.as_ref().map(|q_network| q_network.shard(&shard)),
            experience,
            rollout: Rollout::new(&config)?,
            agents: Arc::new(vec![trainer.agent(seed_index)]),
            units,
            config,
        })
    }

    /// Lets the policy act, learns from it what the run lacks, and gives the last batch.
    pub(crate) fn learn(&mut self, trainer: &Trainer, batches: u32) -> Result<Batch> {
        let (observations, actions) =
            (trainer.task().observations.len(), trainer.task().actions.len());
        let config = self.config.clone();
        let adam = AdamOptions { epsilon: config.update.adam_epsilon };
        let mut new_q = self.q_network.is_none().then(|| {
            let sizes = (observations, actions);
            QNetwork::new(&config.seeds, sizes, &config.critic, adam, Device::Cpu)
        });
        let when = |batch: u32| (&config.seeds[..], 1_000_000 + u64::from(batch));
        let mut last = Batch::default();
        for number in 0..batches {
            last = self.rollout.collect(&self.agents, when(number).1)?;
            // The units stay those of the run: only the buffer is filled.
            let statistics = self.experience.statistics.clone();
            let _ = self.experience.remember(&config, &last);
            self.experience.statistics = statistics;
            if let Some(q_network) = &mut new_q {
                let real =
                    self.experience.prepare(&config, &last, &self.units, &self.critic, Device::Cpu);
                let (update, threads) = (&config.update, config.num_threads());
                let rate = update.learning_rate;
                let _ = q_network.fit(&real.rollout, when(number), update, rate, threads);
            }
        }
        if self.model.is_none() {
            let mut model = WorldModel::new(&config, observations, actions, Device::Cpu);
            let buffers = &self.experience.buffers;
            let steps = config.model.first_steps;
            model.train(buffers, &self.units, steps, when(0), config.num_threads());
            self.model = Some(model);
        }
        self.q_network = self.q_network.take().or(new_q);
        Ok(last)
    }

    pub(crate) fn context<'a>(&'a self, real: &'a RealRollout, num_actions: usize) -> Context<'a> {
        Context {
            actor: &self.actor,
            critic: &self.critic,
            real,
            discount: self.config.discount(),
            num_actions,
            horizon: self.config.estimator.horizon,
            noise: NoiseScheme::Independent,
            seeds: &self.config.seeds,
            iteration: 2_000_000,
            threads: self.config.num_threads(),
        }
    }

    pub(crate) fn rewind<'a>(&'a self, states: &'a [State]) -> Rewind<'a> {
        Rewind {
            rollout: &self.rollout,
            states,
            agents: &self.agents,
            units: &self.units,
            // A time limit is none of the task's doing, whatever the run made of it.
            bootstrap_truncation: true,
            common_noise: false,
        }
    }
}

fn widened(tensor: &Tensor) -> Vec<f64> {
    to_vec(tensor).into_iter().map(f64::from).collect()
}

/// The mean of an estimate over `rollouts` draws of the noise that follows the actions: what is left of
/// its distance from the truth is bias.
fn averaged(
    context: &Context<'_>,
    rollouts: u32,
    estimate: impl Fn(&Context<'_>) -> Result<Tensor>,
) -> Result<Vec<f64>> {
    let mut sum = Vec::new();
    for number in 0..rollouts {
        let iteration = 4_000_000 + u64::from(number);
        let drawn = widened(&estimate(&Context { iteration, ..*context })?);
        sum.resize(drawn.len(), 0.0);
        sum.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += value / f64::from(rollouts));
    }
    Ok(sum)
}

/// Two independent halves of the truth of every action.
fn truth(
    context: &Context<'_>,
    rewind: &Rewind<'_>,
    extra: &Tensor,
    args: &Args,
) -> Result<Vec<(f64, f64)>> {
    let mut halves = vec![(0.0, 0.0); extra.numel() / extra.size()[3] as usize];
    let rollouts = args.rollouts.next_multiple_of(2);
    let share = 2.0 / f64::from(rollouts);
    for number in 0..rollouts {
        let context = monte_carlo(context, number, args);
        let advantages = to_vec(&rewind.advantages(&context, extra)?);
        for (half, advantage) in halves.iter_mut().zip(advantages) {
            let half = if number % 2 == 0 { &mut half.0 } else { &mut half.1 };
            *half += f64::from(advantage) * share;
        }
    }
    Ok(halves)
}

/// The same with lambda = 1 and a horizon and noise of its own.
fn monte_carlo<'a>(context: &Context<'a>, number: u32, args: &Args) -> Context<'a> {
    Context {
        discount: Discount { lambda: 1.0, ..context.discount },
        horizon: args.truth_horizon as usize,
        iteration: 3_000_000 + u64::from(number),
        ..*context
    }
}

/// The GAE of the actions that were taken, against the truth of those: no state has two of them.
fn real_actions(
    context: &Context<'_>,
    rewind: &Rewind<'_>,
    real: &RealRollout,
    args: &Args,
) -> Result<Quality> {
    let context = Context { num_actions: 1, ..*context };
    let truth = truth(&context, rewind, &real.actions.unsqueeze(2), args)?;
    let truth: Vec<f64> = truth.iter().map(|(a, b)| 0.5 * (a + b)).collect();
    let estimate: Vec<f64> = to_vec(&real.advantages).into_iter().map(f64::from).collect();
    let whole = quality("single (GAE, real action)", &estimate, &truth, 1);
    Ok(Quality { correlation_within_states: f64::NAN, error_within_states: f64::NAN, ..whole })
}

fn quality(estimator: &'static str, estimate: &[f64], truth: &[f64], actions: usize) -> Quality {
    let difference: Vec<f64> = estimate.iter().zip(truth).map(|(a, b)| a - b).collect();
    let (a, b) = (centred(estimate, actions), centred(truth, actions));
    Quality {
        estimator,
        correlation: correlation(estimate, truth),
        correlation_within_states: correlation(&a, &b),
        bias: difference.iter().sum::<f64>() / difference.len() as f64,
        error_within_states: root_mean_square(&centred(&difference, actions)),
    }
}

/// Every state's mean over its actions taken away.
fn centred(values: &[f64], actions: usize) -> Vec<f64> {
    let state = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / actions as f64;
        values.iter().map(|value| value - mean).collect::<Vec<_>>()
    };
    values.chunks_exact(actions).flat_map(state).collect()
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

/// Pearson's; not a number where one of them does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (centred(a, a.len()), centred(b, b.len()));
    let product: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    product / (a.len() as f64 * root_mean_square(&a) * root_mean_square(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_are_those_of_a_hand_computation() {
        // Two states of two actions. Estimates are truth + 1, so the bias is 1 and nothing else is off.
        let truth = [0.0, 2.0, 10.0, 6.0];
        let estimate = truth.map(|a| a + 1.0);
        let perfect = quality("x", &estimate, &truth, 2);
        assert!((perfect.correlation - 1.0).abs() < 1e-12);
        assert_eq!((perfect.bias, perfect.error_within_states), (1.0, 0.0));
        // States right, actions the wrong way round: well correlated, yet of no use.
        let swapped = quality("x", &[2.0, 0.0, 6.0, 10.0], &truth, 2);
        assert!(swapped.correlation > 0.6, "{}", swapped.correlation);
        assert!((swapped.correlation_within_states + 1.0).abs() < 1e-12);
        // Differences 2, -2, -4, 4: mean square 10.
        assert!((swapped.error_within_states - 10f64.sqrt()).abs() < 1e-12);
    }
}
