//! What is done with scored actions: PPO, A2C or TRPO for the actor, regression for the critic.
//!
//! Each state goes through each network once, however many actions it has. Actor and critic share
//! nothing, so each learns on a thread of its own, and so does each seed on a CPU.

mod critic;
mod policy;
mod trpo;

use crate::config::{Config, UpdateKind};
use crate::data::{RealRollout, Samples, Shuffle};
use crate::nn::{Network, data_of_shard, parallel, shards};
use daa_envs::streams::{Purpose, stream};
use tch::Tensor;

/// Means over all minibatches of an update of one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpdateReport {
    /// Surrogate loss.
    pub policy_loss: f64,
    /// Half the squared error of the values.
    pub value_loss: f64,
    /// `mean(ratio - 1 - ln ratio)`: an unbiased, never negative estimate of the KL divergence. Of
    /// TRPO the divergence itself.
    pub kl: f64,
    /// Share of actions whose ratio was outside the clip.
    pub clip_fraction: f64,
}

/// A network of some seeds, and what it learns from.
enum Job {
    /// `z`, `actions`, `log_probs`, `advantages`.
    Actor(Network, [Tensor; 4], Vec<u64>),
    /// `z`, `targets`, `values`.
    Critic(Network, [Tensor; 3], Vec<u64>),
}

/// A network that has learned, and its report by seed.
enum Learned {
    Actor(Network, Vec<Vec<f64>>),
    Critic(Network, Vec<f64>),
}

/// Improves actor and critic on a rollout's samples. A report for each seed.
pub fn update(
    actor: &mut Network,
    critic: &mut Network,
    real: &RealRollout,
    samples: &Samples,
    config: &Config,
    iteration: u64,
) -> Vec<UpdateReport> {
    let (seeds, learning_rate) = (&config.seeds, config.learning_rate(iteration));
    let targets = &real.advantages + &real.values;
    let states = real.z.size()[1] as usize;
    // Simulated states make the batch longer: then minibatches grow with it, not their number.
    let growth = samples.z.size()[1] as usize / states;
    let jobs = shards(seeds.len(), real.z.device()).into_iter().flat_map(|shard| {
        let part = |tensor: &Tensor| data_of_shard(tensor, &shard);
        let policy = [&samples.z, &samples.actions, &samples.log_probs, &samples.advantages];
        let values = [&real.z, &targets, &real.values].map(part);
        let own = || seeds[shard.clone()].to_vec();
        [
            Job::Actor(actor.shard(&shard), policy.map(part), own()),
            Job::Critic(critic.shard(&shard), values, own()),
        ]
    });
    let learned = parallel(jobs.collect(), config.num_threads(), |job| {
        let _no_grad = tch::no_grad_guard();
        match job {
            Job::Actor(mut network, data, seeds) => {
                let minibatch = config.update.minibatch_size * growth;
                let report = improve(&mut network, &data, (&seeds, iteration), minibatch, config);
                Learned::Actor(network, report)
            }
            Job::Critic(mut network, data, seeds) => {
                let shuffle = Shuffle::new(&seeds, states, config.update.epochs, iteration, 1);
                let losses = critic::improve(&mut network, &data, &shuffle, config, learning_rate);
                Learned::Critic(network, losses)
            }
        }
    });
    let (mut policies, mut values) = (Vec::new(), Vec::new());
    for learned in learned {
        match learned {
            Learned::Actor(network, report) => {
                actor.rejoin(&network);
                policies.extend(report);
            }
            Learned::Critic(network, losses) => {
                critic.rejoin(&network);
                values.extend(losses);
            }
        }
    }
    let report = |(policy, value_loss): (Vec<f64>, f64)| UpdateReport {
        policy_loss: policy[0],
        value_loss,
        kl: policy[1],
        clip_fraction: policy[2],
    };
    policies.into_iter().zip(values).map(report).collect()
}

/// Derivative `[S, B, A]` of the unweighted loss by the Gaussians' means, for tests of the estimators.
#[cfg(test)]
pub(crate) fn gradient_by_mean(actor: &Network, samples: &Samples, kind: UpdateKind) -> Tensor {
    let mut config = policy::tests::config();
    (config.update.kind, config.update.entropy_coefficient) = (kind, 0.0);
    config.estimator.real_weight = 1.0;
    let mean = actor.predict(&samples.z).tanh();
    let Samples { actions, log_probs, advantages, .. } = samples;
    policy::loss(&mean, &actor.extra(), actions, log_probs, advantages, &config).dmean
}

/// Improves an actor. Loss, KL divergence and clip fraction of each seed.
fn improve(
    actor: &mut Network,
    data: &[Tensor; 4],
    (seeds, iteration): (&[u64], u64),
    minibatch: usize,
    config: &Config,
) -> Vec<Vec<f64>> {
    let states = data[0].size()[1] as usize;
    let learning_rate = config.learning_rate(iteration);
    match config.update.kind {
        UpdateKind::Trpo => trpo::improve(actor, data, config),
        UpdateKind::Ppo | UpdateKind::A2c => {
            let epochs =
                if config.update.kind == UpdateKind::A2c { 1 } else { config.update.epochs };
            let shuffle = Shuffle::new(seeds, states, epochs, iteration, 0);
            let rng = |seed: &u64| stream(*seed, Purpose::Perturbation, iteration);
            let mut rngs: Vec<_> = seeds.iter().map(rng).collect();
            shuffle.epochs(data, minibatch, |minibatch| {
                policy::learn(actor, minibatch, &mut rngs, config, learning_rate)
            })
        }
    }
}
