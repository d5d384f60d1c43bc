//! Running statistics of all seeds, from which observations and rewards are normalised.

use super::normalisation::Normalisation;
use super::replay::Transition;
use crate::rollout::Batch;
use crate::settings::Config;
use daa_core::model::TransitionTarget;
use daa_envs::running_stats::{ObservationScale, RunningStatistics};

/// Rewards divided by the standard deviation of their return are kept within this.
const REWARD_CLIP: f32 = 10.0;

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

impl SeedStatistics {
    /// Empty statistics.
    #[must_use]
    pub fn new(observations: usize, num_envs: usize) -> Self {
        Self {
            observations: RunningStatistics::new(observations),
            changes: RunningStatistics::new(observations),
            returns: RunningStatistics::new(1),
            building_up: vec![0.0; num_envs],
        }
    }

    /// Whether these statistics, read from a file, can replace `others`: equal lengths and finite numbers.
    #[must_use]
    pub fn fits(&self, others: &Self) -> bool {
        self.observations.fits(&others.observations)
            && self.changes.fits(&others.changes)
            && self.returns.fits(&others.returns)
            && self.building_up.len() == others.building_up.len()
            && self.building_up.iter().all(|sum| sum.is_finite())
    }
}

/// Running statistics of all seeds.
#[derive(Clone, Debug)]
pub struct RunningStats {
    /// One entry a seed.
    pub seeds: Vec<SeedStatistics>,
}

impl RunningStats {
    /// Empty statistics.
    #[must_use]
    pub fn new(config: &Config, observations: usize) -> Self {
        let empty = SeedStatistics::new(observations, config.rollout.num_envs);
        Self { seeds: vec![empty; config.num_seeds()] }
    }

    /// One seed's observation statistics as a normaliser uses them.
    #[must_use]
    pub fn scale(&self, config: &Config, seed_index: usize) -> ObservationScale {
        let normalise = &config.normalise;
        let statistics = &self.seeds[seed_index].observations;
        ObservationScale::new(statistics, normalise.observations, normalise.observation_clip)
    }

    /// The scales in which networks compute now.
    #[must_use]
    pub fn normalisation(&self, config: &Config) -> Normalisation {
        let change = |statistics: &SeedStatistics| match config.model.transition_target {
            TransitionTarget::Next => vec![1.0; statistics.observations.mean().len()],
            TransitionTarget::Difference => statistics.changes.std(),
        };
        let reward_scale = |statistics: &SeedStatistics| {
            if config.normalise.rewards { 1.0 / statistics.returns.std()[0] } else { 1.0 }
        };
        Normalisation {
            scales: (0..self.seeds.len()).map(|s| self.scale(config, s)).collect(),
            changes: self.seeds.iter().map(change).collect(),
            reward_scales: self.seeds.iter().map(reward_scale).collect(),
            reward_clip: if config.normalise.rewards { REWARD_CLIP } else { f32::MAX },
        }
    }

    /// Adds a batch to the statistics.
    pub fn update(&mut self, config: &Config, batch: &Batch) {
        let states = config.batch();
        for s in 0..self.seeds.len() {
            let width = batch.observations.len() / batch.rewards.len();
            let seen = &batch.observations[s * states * width..(s + 1) * states * width];
            self.seeds[s].observations.update(seen);
            let scale = self.scale(config, s);
            let statistics = &mut self.seeds[s];
            let (mut obs, mut change) = (vec![0.0; width], vec![0.0; width]);
            for row in s * states..(s + 1) * states {
                let transition = Transition::of(batch, row);
                scale.normalise(transition.observation, &mut obs);
                scale.normalise(transition.next, &mut change);
                change.iter_mut().zip(&obs).for_each(|(next, obs)| *next -= obs);
                statistics.changes.update(&change);
                let environment = (row - s * states) / config.rollout.length;
                let so_far = &mut statistics.building_up[environment];
                *so_far = *so_far * config.gamma + transition.reward;
                statistics.returns.update(&[*so_far]);
                if batch.episode_ends[row] {
                    *so_far = 0.0;
                }
            }
        }
    }
}
