//! Random streams, one for each purpose: what one part of the program draws never changes what another
//! part draws.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Purpose of a stream. A run is reproducible only while these numbers stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Starts of the training environments.
    Environment = 0,
    /// Weights of the networks.
    Initialisation = 1,
    /// Noise of the actions taken.
    Acting = 2,
    /// Noise of the actions that follow the extra actions in model rollouts.
    Imagination = 3,
    /// Order of the minibatches.
    Minibatches = 4,
    /// Draws from the replay buffer.
    Replay = 5,
    /// Starts of the evaluation environments.
    Evaluation = 6,
    /// Choice of golden vectors and check observations.
    Export = 7,
    /// Noise of the extra actions of a state.
    ExtraActions = 8,
    /// Noise of the actions that follow the extra actions in the rewound simulator.
    Rewinding = 9,
    /// Perturbation of means in randomised policy optimisation.
    Perturbation = 10,
    /// Sampled actions of evaluations as in the papers.
    SampledEvaluation = 11,
}

/// Number of stream `index` of a purpose, the same in every program of this project.
#[must_use]
pub fn stream_number(purpose: Purpose, index: u64) -> u64 {
    ((purpose as u64) << 48) | index
}

/// The generator of stream `index` of a purpose, for a seed.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream_number(purpose, index));
    rng
}

/// Fills a slice with standard normal numbers.
pub fn fill_normal(rng: &mut impl Rng, values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = StandardNormal.sample(rng));
}

/// Fills a slice with numbers uniform in `-bound..bound`.
pub fn fill_uniform(rng: &mut impl Rng, values: &mut [f32], bound: f32) {
    use rand::RngExt as _;
    values.iter_mut().for_each(|value| *value = rng.random_range(-bound..bound));
}

/// Writes a permutation of `0..order.len()` into `order` (Fisher-Yates).
pub fn permute(rng: &mut impl Rng, order: &mut [i64]) {
    use rand::RngExt as _;
    (0i64..).zip(order.iter_mut()).for_each(|(i, slot)| *slot = i);
    for i in (1..order.len()).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let a = first(1, Purpose::Acting, 0);
        assert_eq!(a, first(1, Purpose::Acting, 0));
        assert_ne!(a, first(2, Purpose::Acting, 0));
        assert_ne!(a, first(1, Purpose::Acting, 1));
        assert_ne!(a, first(1, Purpose::Imagination, 0));
    }

    #[test]
    fn a_permutation_holds_every_index_once_and_differs_from_the_last() {
        let mut rng = stream(1, Purpose::Minibatches, 0);
        let (mut a, mut b) = (vec![0; 100], vec![0; 100]);
        permute(&mut rng, &mut a);
        permute(&mut rng, &mut b);
        assert_ne!(a, b);
        a.sort_unstable();
        assert_eq!(a, (0..100).collect::<Vec<_>>());
    }
}
