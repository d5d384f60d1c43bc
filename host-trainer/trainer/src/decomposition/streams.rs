//! Random streams of the variance measurements, separate from those of training.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Purpose of a stream; the numbers lie above those of training (`daa_envs::streams`).
#[derive(Clone, Copy, Debug)]
pub enum Draws {
    /// Initial states of trajectories.
    Starts = 0x56_01,
    /// Noise of actions.
    Noise = 0x56_02,
    /// Weights of a policy.
    Weights = 0x56_03,
    /// Bootstrap resamples.
    Bootstrap = 0x56_04,
    /// Signs of random projections.
    Projections = 0x56_05,
}

/// Returns stream `index` of a purpose, for a seed.
#[must_use]
pub fn stream(seed: u64, draws: Draws, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((draws as u64) << 48) | index);
    rng
}
