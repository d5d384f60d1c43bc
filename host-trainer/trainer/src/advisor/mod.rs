//! The advisor: decides at fixed intervals during training whether the next unit of budget should buy more actions or
//! more states. With `advise.auto` it also chooses the number of extra actions, N.

pub mod advice;

use crate::data::ScoredBatch;
use crate::decomposition::{
    Actor, BatchSamples, Draws, Jackknife, Pieces, Prices, Projection, measure_batch,
    next_num_actions, stream,
};
use crate::metrics::Clock;
use crate::nn::to_vec;
use crate::settings::{ActionCost, Config, NoiseScheme};
use advice::Advice;
use daa_envs::agent::Agent;
use std::time::Instant;
use tch::Tensor;

/// Random projections of each gradient, Q.
const PROJECTIONS: usize = 64;
/// Iterations between two verdicts if the advisor chooses N and `advise.every` is not set.
const EVERY: usize = 5;

/// Measures the variance of an update's scored actions at fixed intervals.
#[derive(Debug)]
pub struct Advisor {
    every: u64,
    /// Whether an extra action costs decisions of the environment.
    rewinds: bool,
    /// The chosen N, or `None` if the configuration fixes N.
    chosen: Option<usize>,
    /// Seconds spent so far on states and on extra actions.
    spent: [f64; 2],
    /// Number of states and of extra actions so far.
    counted: [f64; 2],
    said: Vec<Advice>,
}

/// The cost of an iteration, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// All phases that grow with the number of states; excludes the extra actions and the training of a model.
    pub states: f64,
    /// The extra actions and their advantages.
    pub actions: f64,
}

impl Spent {
    /// Returns the cost of an iteration that began at `start`. The training of a model is left out, because its
    /// cost does not depend on the batch.
    #[must_use]
    pub fn of(start: Instant, clock: &Clock) -> Self {
        let (all, wall) = (start.elapsed().as_secs_f64(), &clock.wall);
        Self { states: (all - wall.model - wall.extra).max(0.0), actions: wall.extra }
    }
}

impl Advisor {
    /// Returns the advisor of a run, or `None` if the configuration does not request advice. `rewinds`: an extra action costs decisions of the environment.
    #[must_use]
    pub fn new(config: &Config, rewinds: bool) -> Option<Self> {
        let advise = &config.advise;
        let every = match (advise.every, advise.auto) {
            (0, false) => return None,
            (0, true) => EVERY,
            (every, _) => every,
        };
        Some(Self {
            every: every as u64,
            rewinds,
            chosen: advise.auto.then_some(config.estimator.num_actions),
            spent: [0.0; 2],
            counted: [0.0; 2],
            said: Vec::new(),
        })
    }

    /// The chosen number of extra actions, N, or `None` if the configuration fixes N.
    #[must_use]
    pub fn chosen(&self) -> Option<usize> {
        self.chosen
    }

    /// Sets N to the number that an earlier process of the run chose; has no effect if the configuration fixes N.
    pub fn resume(&mut self, num_actions: usize) {
        self.chosen = self.chosen.map(|_| num_actions);
    }

    /// Removes and returns the advice since the last call.
    pub fn take(&mut self) -> Vec<Advice> {
        std::mem::take(&mut self.said)
    }

    /// Measures an iteration and, if advice is due, adds an [`Advice`] for every seed. `iteration` counts the earlier
    /// iterations, and `agents [S]` are the policies that acted in this one.
    pub fn look(
        &mut self,
        config: &Config,
        iteration: u64,
        agents: &[Agent],
        samples: &ScoredBatch,
        spent: Spent,
    ) {
        let size = samples.advantages.size();
        let (states, num_actions) = (size[1] as usize, size[2] as usize);
        let extra = num_actions - 1;
        // The seconds are those of all seeds, so they are divided by the states of all seeds.
        let all = (states * agents.len()) as f64;
        self.spent = [self.spent[0] + spent.states, self.spent[1] + spent.actions];
        self.counted = [self.counted[0] + all, self.counted[1] + all * extra as f64];
        let pieces = Pieces::of(config.rollout.num_envs, config.rollout.length);
        let Some(pieces) = pieces.filter(|_| extra > 0) else { return };
        if !(iteration + 1).is_multiple_of(self.every) {
            return;
        }
        let prices = self.prices(config);
        for (s, agent) in agents.iter().enumerate() {
            let begun = Instant::now();
            let seed = config.seeds[s];
            let found = components(config, s, (seed, iteration), agent, samples, pieces);
            let len = config.rollout.length;
            let percent = |from, to| {
                let trade = |c: &_| prices.trade(c, len, from, to);
                [
                    found.of(|c| 100.0 * trade(c).actions),
                    found.of(|c| 100.0 * trade(c).states),
                    found.of(|c| 100.0 * trade(c).margin()),
                ]
            };
            let [actions, states, margin] = percent(extra, extra + 1);
            let policy_share = found.of(|c| {
                let policy = c.policy_dependent(len) / num_actions as f64;
                100.0 * policy / (policy + c.markov_chain(len))
            });
            let next = self.chosen.map(|now| {
                next_num_actions(
                    now,
                    [config.advise.min_actions, config.advise.max_actions],
                    |from, to| {
                        let [_, _, margin] = percent(from, to);
                        (margin.value, !margin.is_in_doubt())
                    },
                )
            });
            self.chosen = next;
            self.said.push(Advice {
                iteration: iteration + 1,
                decisions: (iteration + 1) * config.batch() as u64,
                seed,
                num_actions: extra,
                extension: prices.extension(extra, extra + 1),
                actions,
                states,
                margin,
                policy_share,
                chosen: next.unwrap_or(extra),
                seconds: begun.elapsed().as_secs_f64(),
            });
        }
    }

    /// Cost of states and actions in the unit of `advise.cost`.
    fn prices(&self, config: &Config) -> Prices {
        match config.advise.cost {
            ActionCost::Decisions => Prices {
                state: 1.0,
                action: if self.rewinds { config.estimator.horizon as f64 } else { 0.0 },
            },
            ActionCost::Seconds => {
                let each = |i: usize| self.spent[i] / self.counted[i].max(1.0);
                Prices { state: each(0), action: each(1) }
            }
        }
    }
}

/// Variance components of one seed's scored actions.
fn components(
    config: &Config,
    seed_index: usize,
    (seed, iteration): (u64, u64),
    agent: &Agent,
    samples: &ScoredBatch,
    pieces: Pieces,
) -> Jackknife {
    let of_seed = |tensor: &Tensor| -> Vec<f64> {
        to_vec(&tensor.get(seed_index as i64)).into_iter().map(f64::from).collect()
    };
    let (z, actions) = (of_seed(&samples.obs), of_seed(&samples.actions));
    let mut advantages = of_seed(&samples.advantages);
    if config.normalise.advantages {
        // The update normalises advantages in each minibatch. The mean is subtracted here; a common scale does not
        // change shares of the variance.
        let mean = advantages.iter().sum::<f64>() / advantages.len() as f64;
        advantages.iter_mut().for_each(|advantage| *advantage -= mean);
    }
    let actor = Actor::of_normalised(agent);
    let projection =
        Projection::new(&mut stream(seed, Draws::Projections, iteration), &actor, PROJECTIONS);
    let samples = BatchSamples {
        z: &z,
        actions: &actions,
        advantages: &advantages,
        num_actions: samples.advantages.size()[2] as usize,
        independent: config.estimator.noise == NoiseScheme::Independent,
    };
    measure_batch(&actor, samples, pieces, &projection)
}
