//! Lemma 1's components of the gradient of a training batch, from the actions and advantages that the update uses
//! anyway.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `z` | `[B][D]` | normalised observations, trajectory by trajectory |
//! | `actions`, `advantages` | `[B][K][A]`, `[B][K]` | the real action first, then N extra ones |
//! | projected gradient | `[Q]` | random signs times `A grad ln pi`, see [`super::Projection`] |
//!
//! A sample is what the update averages: advantage times `grad ln pi`. The critic is its baseline. The noise of the
//! advantages counts as variance of the policy, because more actions average it away in the same way.

use super::actor::dot;
use super::{Accumulator, Actor, Components, Projection, TrajectoryGradients};

/// The samples of one policy in a training batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchSamples<'a> {
    /// Normalised observations, `[B][D]`.
    pub z: &'a [f64],
    /// Raw actions, `[B][K][A]`.
    pub actions: &'a [f64],
    /// Advantages, `[B][K]`.
    pub advantages: &'a [f64],
    /// Actions per state, K = N + 1.
    pub num_actions: usize,
    /// Whether the extra actions of a state were drawn independently of each other.
    pub independent: bool,
}

/// Division of a batch into pieces that are treated as independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Decisions per trajectory.
    pub trajectory_len: usize,
    /// Pieces per trajectory.
    pub per_trajectory: usize,
    /// Decisions per piece.
    pub len: usize,
}

/// Smallest number of pieces for an estimate of the uncertainty.
const WANTED: usize = 16;
/// Covariances from this lag on are assumed to be 0.
const LAGS: usize = 64;

impl Pieces {
    /// Divides a batch into at least 16 pieces; `None` if a piece would have fewer than two decisions.
    #[must_use]
    pub fn of(trajectories: usize, trajectory_len: usize) -> Option<Self> {
        let per_trajectory = WANTED.div_ceil(trajectories.max(1));
        let len = trajectory_len / per_trajectory;
        (len >= 2).then_some(Self { trajectory_len, per_trajectory, len })
    }
}

/// Jackknife estimates of components, for the uncertainty from the data and from the random projections.
#[derive(Clone, Debug, Default)]
pub struct Jackknife {
    /// Estimate from the whole batch and all projections.
    pub whole: Components,
    /// Estimates that leave out one piece of the batch each.
    pub without_piece: Vec<Components>,
    /// Estimates that leave out one block of the projections each.
    pub without_block: Vec<Components>,
}

/// Number of blocks of the projections.
const BLOCKS: usize = 8;

/// An estimate with half the width of its 95 % confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Uncertain {
    /// The estimate.
    pub value: f64,
    /// Half the width of the interval.
    pub error: f64,
}

impl Uncertain {
    /// Whether the confidence interval contains 0, or is not a number.
    #[must_use]
    pub fn is_in_doubt(self) -> bool {
        // A comparison with NaN is false, so NaN needs its own test.
        self.value.is_nan() || self.error.is_nan() || self.value.abs() <= self.error
    }
}

impl Jackknife {
    /// Returns a statistic of the components with its uncertainty. The jackknife variance is
    /// `(M - 1) / M sum (x_i - mean)^2` over the M pieces, plus the same over the blocks of projections; half the width
    /// is the square root of the sum times Student's t for M - 1 degrees of freedom. The data's effect on single
    /// projections is counted twice, so the interval is slightly too wide.
    pub fn of(&self, statistic: impl Fn(&Components) -> f64) -> Uncertain {
        let variance = |without: &[Components]| {
            let count = without.len() as f64;
            let left: Vec<f64> = without.iter().map(&statistic).collect();
            let mean = left.iter().sum::<f64>() / count;
            (count - 1.0) / count * left.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
        };
        let both = variance(&self.without_piece) + variance(&self.without_block);
        let error = student(self.without_piece.len()) * both.sqrt();
        Uncertain { value: statistic(&self.whole), error }
    }
}

/// The 97.5 % quantile of Student's t for `count - 1` degrees of freedom.
pub fn student(count: usize) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    let freedom = count.saturating_sub(1).max(1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |t| t.inverse_cdf(0.975))
}

/// Estimates the components of a batch, as means over parameters.
///
/// `action_variance` is K times the variance, given the state, of the mean over all K actions. For independent actions
/// this equals `E_s Var_a`, averaged over the real action and the extra actions if their noise differs. For dependent
/// actions (antithetic, Sobol) it is the variance that remains in their mean. That variance follows from the action
/// taken, which is independent of the extra actions: `E[(g_0 - m) m] = -Var[m]`.
///
/// # Panics
/// With fewer than two actions per state, or arrays whose sizes do not match.
#[must_use]
pub fn measure_batch(
    actor: &Actor,
    samples: BatchSamples<'_>,
    pieces: Pieces,
    projection: &Projection,
) -> Jackknife {
    let states = samples.z.len() / actor.observations();
    let gradients: Vec<TrajectoryGradients> = (0..states / pieces.trajectory_len)
        .flat_map(|trajectory| (0..pieces.per_trajectory).map(move |piece| (trajectory, piece)))
        .map(|(trajectory, piece)| {
            let first = trajectory * pieces.trajectory_len + piece * pieces.len;
            piece_gradients(actor, samples, (first, pieces.len), projection)
        })
        .collect();
    let lags = pieces.len.min(LAGS);
    let mut all = Accumulator::with_lags(projection.count(), pieces.len, lags);
    gradients.iter().for_each(|gradients| all.add(gradients));
    let finish = |accumulator: Accumulator| {
        accumulator.finish().map(|estimate| projection.components(&estimate)).unwrap_or_default()
    };
    let without_piece = gradients.iter().map(|gradients| {
        let mut rest = all.clone();
        rest.remove(gradients);
        finish(rest)
    });
    let without_piece = without_piece.collect();
    let Some(estimate) = all.finish() else { return Jackknife::default() };
    let blocks = BLOCKS.min(projection.count());
    let without_block =
        (0..blocks).map(|block| projection.components(&estimate.without(block, blocks)));
    Jackknife {
        without_piece,
        without_block: without_block.collect(),
        whole: projection.components(&estimate),
    }
}

/// Returns the projected gradients of `len` states, beginning with state `first`.
fn piece_gradients(
    actor: &Actor,
    samples: BatchSamples<'_>,
    (first, len): (usize, usize),
    projection: &Projection,
) -> TrajectoryGradients {
    let (depth, width, count) = (actor.observations(), actor.actions(), projection.count());
    let k = samples.num_actions;
    let owners: Vec<usize> = (0..len * width).map(|row| row / width).collect();
    let pass = actor.pass(&samples.z[first * depth..][..len * depth]);
    let means = actor.mean_gradients(&pass, &owners);
    let precision: Vec<f64> = actor.log_std().iter().map(|l| (-l).exp()).collect();
    let mut gradients = TrajectoryGradients::new(count, len);
    let mut by_mean = vec![0.0; width * count];
    let mut projected = vec![0.0; k * count];
    let mut weights = vec![0.0; width];
    let mut spread = vec![0.0; width];
    for t in 0..len {
        for (a, row) in by_mean.chunks_exact_mut(count).enumerate() {
            projection.write(&means, t * width + a, row);
        }
        let actions = &samples.actions[(first + t) * k * width..][..k * width];
        let advantages = &samples.advantages[(first + t) * k..][..k];
        let rows = projected.chunks_exact_mut(count);
        for ((row, action), advantage) in rows.zip(actions.chunks_exact(width)).zip(advantages) {
            for a in 0..width {
                let deviations = (action[a] - pass.means[t * width + a]) * precision[a];
                weights[a] = advantage * deviations * precision[a];
                spread[a] = advantage * (deviations * deviations - 1.0);
            }
            let signs = projection.log_std_signs().chunks_exact(width);
            row.iter_mut().zip(signs).for_each(|(slot, signs)| *slot = dot(signs, &spread));
            for (weight, by_mean) in weights.iter().zip(by_mean.chunks_exact(count)) {
                row.iter_mut().zip(by_mean).for_each(|(slot, x)| *slot += weight * x);
            }
        }
        push(&mut gradients, &projected, k, samples.independent, 1.0 / len as f64);
    }
    gradients
}

/// Adds the projected samples of a state, `[K][Q]`.
fn push(
    gradients: &mut TrajectoryGradients,
    samples: &[f64],
    num_actions: usize,
    independent: bool,
    share: f64,
) {
    assert!(num_actions >= 2, "a state has the action taken and at least one extra action");
    let (count, extras) = (gradients.within.len(), num_actions as f64 - 1.0);
    let (taken, others) = samples.split_at(count);
    for (q, taken) in taken.iter().enumerate() {
        let extra = || others.iter().skip(q).step_by(count);
        let marginal = extra().sum::<f64>() / extras;
        let rest = taken - marginal;
        let error = if independent && num_actions > 2 {
            let squares: f64 = extra().map(|x| (x - marginal).powi(2)).sum();
            squares / (extras - 1.0) / extras
        } else {
            -rest * marginal
        };
        let of_taken = rest * taken;
        gradients.within[q] += share * (of_taken + extras * extras * error) / num_actions as f64;
        gradients.marginal_error[q] += share * error;
        gradients.marginal.push(marginal);
        gradients.rest.push(rest);
    }
}
