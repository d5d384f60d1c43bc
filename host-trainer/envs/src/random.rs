//! A stream of random numbers that is addressed by seed, stream and position.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};
use serde::{Deserialize, Serialize};

/// A ChaCha8 stream. Streams of one seed are independent, so results depend on the environment that
/// draws, never on the thread that runs it.
#[derive(Debug, Clone)]
pub struct Random {
    seed: u64,
    stream: u64,
    generator: ChaCha8Rng,
}

/// Position of a random stream, from which it continues exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomState {
    /// Seed of the run.
    pub seed: u64,
    /// Stream within the seed: one for each environment.
    pub stream: u64,
    /// 32-bit words drawn so far.
    pub position: u64,
}

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self { seed, stream, generator }
    }

    pub(crate) fn restore(state: RandomState) -> Self {
        let mut random = Self::new(state.seed, state.stream);
        random.generator.set_word_pos(u128::from(state.position));
        random
    }

    pub(crate) fn state(&self) -> RandomState {
        RandomState {
            seed: self.seed,
            stream: self.stream,
            // A stream has 2^64 blocks of 16 words; drawing 2^64 words would take centuries.
            position: self.generator.get_word_pos() as u64,
        }
    }

    /// Draws a number uniform in `low..high`, as `numpy.random.uniform`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        let unit: f64 = StandardUniform.sample(&mut self.generator);
        #[cfg(test)]
        let unit = unit + crate::tests::planted_shift();
        low + (high - low) * unit
    }

    /// Draws a standard normal number, as `numpy.random.randn`.
    pub fn normal(&mut self) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.generator);
        #[cfg(test)]
        let normal = normal + 2.0 * crate::tests::planted_shift();
        normal
    }
}
