//! What an update is, and how it improves actor and critic.

use super::critic;
use crate::data::{RolloutBatch, ScoredBatch, Shuffle};
use crate::nn::{Network, data_of_shard, parallel, shards};
use crate::registry::Named;
use crate::settings::Config;
use tch::Tensor;

/// The definition of an update: one static value, listed in [`UPDATES`](super::UPDATES) or passed to
/// [`register`](super::register).
#[derive(Debug)]
pub struct Definition {
    /// Value of `update.kind`.
    pub name: &'static str,
    /// Name of the update in reports.
    pub report_name: &'static str,
    /// One line for `train --help`.
    pub help: &'static str,
    /// Options, or tables of options, that have no effect with this update, and why.
    pub without_effect: &'static [(&'static str, &'static str)],
    /// Improves the actor of some seeds. One report a seed.
    pub improve: fn(&mut Network, &ActorLesson<'_>) -> Vec<ActorReport>,
}

impl Named for Definition {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// What the actor of some seeds learns from.
#[derive(Debug)]
pub struct ActorLesson<'a> {
    /// Their scored states and actions.
    pub scored: ScoredBatch,
    /// Their seeds.
    pub seeds: &'a [u64],
    /// The resolved configuration.
    pub config: &'a Config,
    /// Number of the iteration, the first being 0.
    pub iteration: u64,
    /// States of a minibatch. With simulated states the batch is longer and so are its minibatches.
    pub minibatch_size: usize,
    /// Learning rate of this iteration.
    pub learning_rate: f64,
}

/// What an actor's update reports of one seed, mean over minibatches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ActorReport {
    /// Surrogate loss.
    pub policy_loss: f64,
    /// `mean(ratio - 1 - ln ratio)`: an unbiased, never negative estimate of the KL divergence. With TRPO
    /// the divergence itself.
    pub kl: f64,
    /// Share of actions whose ratio was outside the clip.
    pub clip_fraction: f64,
}

/// What an update reports of one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpdateReport {
    /// Of the actor.
    pub actor: ActorReport,
    /// Half the mean squared error of the values.
    pub value_loss: f64,
}

/// A network of some seeds, and what it learns from.
enum Job<'a> {
    Actor(Network, ActorLesson<'a>),
    /// `obs`, `targets`, `values`.
    Critic(Network, [Tensor; 3], &'a [u64]),
}

/// A network that has learned, and its report of each seed.
enum Learned {
    Actor(Network, Vec<ActorReport>),
    Critic(Network, Vec<f64>),
}

/// Improves actor and critic on a batch. One report a seed.
pub fn improve(
    definition: &Definition,
    (actor, critic): (&mut Network, &mut Network),
    real: &RolloutBatch,
    scored: &ScoredBatch,
    config: &Config,
    iteration: u64,
) -> Vec<UpdateReport> {
    let (seeds, learning_rate) = (&config.seeds, config.learning_rate(iteration));
    let targets = &real.advantages + &real.values;
    let states = real.obs.size()[1] as usize;
    // Simulated states make the batch longer: then minibatches grow with it, not their number.
    let growth = scored.obs.size()[1] as usize / states;
    let jobs = shards(seeds.len(), real.obs.device()).into_iter().flat_map(|shard| {
        let part = |tensor: &Tensor| data_of_shard(tensor, &shard);
        let values = [&real.obs, &targets, &real.values].map(part);
        let own = &seeds[shard.clone()];
        let lesson = ActorLesson {
            scored: scored.shard(&shard),
            seeds: own,
            config,
            iteration,
            minibatch_size: config.update.minibatch_size * growth,
            learning_rate,
        };
        [Job::Actor(actor.shard(&shard), lesson), Job::Critic(critic.shard(&shard), values, own)]
    });
    let learned = parallel(jobs.collect(), config.num_threads(), |job| {
        let _no_grad = tch::no_grad_guard();
        match job {
            Job::Actor(mut network, lesson) => {
                let report = (definition.improve)(&mut network, &lesson);
                Learned::Actor(network, report)
            }
            Job::Critic(mut network, data, seeds) => {
                let shuffle = Shuffle::new(seeds, states, config.update.epochs, iteration, 1);
                let losses = critic::improve(&mut network, &data, &shuffle, config, learning_rate);
                Learned::Critic(network, losses)
            }
        }
    });
    let (mut actors, mut values) = (Vec::new(), Vec::new());
    for learned in learned {
        match learned {
            Learned::Actor(network, report) => {
                actor.rejoin(&network);
                actors.extend(report);
            }
            Learned::Critic(network, losses) => {
                critic.rejoin(&network);
                values.extend(losses);
            }
        }
    }
    let reports = actors.into_iter().zip(values);
    reports.map(|(actor, value_loss)| UpdateReport { actor, value_loss }).collect()
}
