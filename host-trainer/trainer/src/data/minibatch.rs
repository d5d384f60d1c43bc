//! Minibatches in random order, epoch after epoch.

use daa_envs::streams::{Purpose, permute, stream};
use tch::{Kind, Tensor};

/// For each epoch, the rows of each seed in a random order.
#[derive(Debug)]
pub struct Shuffle {
    /// `[epochs][S * T]`, indices into the flattened `[S * T]`.
    orders: Vec<Vec<i64>>,
}

impl Shuffle {
    /// Draws orders of `states` rows of each seed. `user` is a number for the network that learns: actor 0,
    /// critic 1, estimators above.
    #[must_use]
    pub fn new(seeds: &[u64], states: usize, epochs: usize, iteration: u64, user: u64) -> Self {
        let number = (iteration << 4) | user;
        let mut rngs: Vec<_> =
            seeds.iter().map(|seed| stream(*seed, Purpose::Minibatches, number)).collect();
        let orders = (0..epochs).map(|_| {
            let mut order = vec![0i64; seeds.len() * states];
            for (s, (rng, order)) in rngs.iter_mut().zip(order.chunks_exact_mut(states)).enumerate()
            {
                permute(rng, order);
                order.iter_mut().for_each(|row| *row += (s * states) as i64);
            }
            order
        });
        Self { orders: orders.collect() }
    }

    /// Calls `learn` with every minibatch of every epoch of `data [S, T, ...]`. Returns the mean over all
    /// minibatches of the R numbers a seed, `[S, R]`, that `learn` returns.
    pub fn epochs<const N: usize>(
        &self,
        data: &[Tensor; N],
        minibatch_size: usize,
        mut learn: impl FnMut([Tensor; N]) -> Tensor,
    ) -> Vec<Vec<f64>> {
        let states = data[0].size()[1];
        let minibatch_size = (minibatch_size as i64).min(states);
        // Reports stay on the device until the end: reading each would wait for a GPU.
        let mut reports = Vec::new();
        for order in &self.orders {
            let order = Tensor::from_slice(order).to_device(data[0].device());
            let data = data.each_ref().map(|tensor| reorder(tensor, &order));
            for first in (0..states).step_by(minibatch_size as usize) {
                let rows = minibatch_size.min(states - first);
                reports.push(learn(data.each_ref().map(|tensor| tensor.narrow(1, first, rows))));
            }
        }
        let mean = Tensor::stack(&reports, 0).mean_dim(&[0i64][..], false, Kind::Float);
        let numbers = mean.size().last().map_or(1, |numbers| (*numbers as usize).max(1));
        let mean: Vec<f64> = crate::nn::to_vec(&mean).into_iter().map(f64::from).collect();
        mean.chunks(numbers).map(<[f64]>::to_vec).collect()
    }
}

/// Rows of `[S, T, ...]` in the order of one epoch.
fn reorder(tensor: &Tensor, order: &Tensor) -> Tensor {
    let size = tensor.size();
    tensor.contiguous().flatten(0, 1).index_select(0, order).view(&size[..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn every_row_is_in_every_epoch_once_and_in_its_own_seed() {
        let shuffle = Shuffle::new(&[1, 2], 8, 2, 0, 0);
        let rows = Tensor::arange(16, (Kind::Float, Device::Cpu)).view([2, 8]);
        for order in &shuffle.orders {
            let mut epoch = crate::nn::to_vec(&reorder(&rows, &Tensor::from_slice(order)));
            assert_ne!(epoch, crate::nn::to_vec(&rows));
            epoch[..8].sort_by(f32::total_cmp);
            epoch[8..].sort_by(f32::total_cmp);
            assert_eq!(epoch, crate::nn::to_vec(&rows));
        }
        assert_ne!(shuffle.orders[0], shuffle.orders[1]);
        // The order of a seed does not depend on the other seeds.
        let alone = Shuffle::new(&[2], 8, 2, 0, 0);
        let moved: Vec<i64> = alone.orders[1].iter().map(|row| row + 8).collect();
        assert_eq!(shuffle.orders[1][8..], moved);
    }

    #[test]
    fn reports_are_means_by_seed() {
        let shuffle = Shuffle::new(&[1, 2], 4, 3, 0, 0);
        let rows = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0]).view([2, 4]);
        let reports = shuffle.epochs(&[rows], 2, |[rows]| {
            let mean = rows.mean_dim(&[1i64][..], true, Kind::Float);
            Tensor::cat(&[&mean, &(&mean * 2.0)], 1)
        });
        assert_eq!(reports, [[2.5, 5.0], [25.0, 50.0]]);
    }
}
