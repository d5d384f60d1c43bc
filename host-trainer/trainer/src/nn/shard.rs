//! Division of a run's seeds into shards: one seed per shard on a CPU, all seeds in one shard on a GPU.
//!
//! A batched product is not faster on a CPU, and computing each seed separately gives the same bits as a
//! run with that seed alone. The bits of a matrix product depend on the alignment of its operands, so the
//! numbers of each seed begin at a multiple of [`ALIGNMENT`]. A GPU is fastest with few large operations.

use super::use_one_thread;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::{Device, Kind, Tensor};

/// A range of seeds that are computed together.
pub type Shard = Range<usize>;

/// Divides the seeds `0..seeds` of a run into shards for a device.
#[must_use]
pub fn shards(seeds: usize, device: Device) -> Vec<Shard> {
    #[cfg(test)]
    if tests::TOGETHER.get() {
        return std::iter::once(0..seeds).collect();
    }
    match device {
        Device::Cpu => (0..seeds).map(|seed| seed..seed + 1).collect(),
        _ => std::iter::once(0..seeds).collect(),
    }
}

/// Single-precision numbers in 64 bytes, the alignment of libtorch's own tensors.
pub(super) const ALIGNMENT: usize = 16;

/// Returns a tensor of zeros, `[S, width]`, each row of which begins at a multiple of 64 bytes.
pub fn aligned_rows(seeds: usize, width: usize, device: Device) -> Tensor {
    let size = [seeds as i64, width.next_multiple_of(ALIGNMENT) as i64];
    Tensor::zeros(size, (Kind::Float, device)).narrow(1, 0, width as i64)
}

/// The rows of a shard in a tensor `[S, ...]`, as a view.
pub fn of_shard(tensor: &Tensor, shard: &Shard) -> Tensor {
    tensor.narrow(0, shard.start as i64, shard.len() as i64)
}

/// The rows of a shard in a tensor `[S, ...]`: a view of the first rows, or a copy of later rows, so that their alignment
/// is the same as in a run with only these seeds.
pub fn data_of_shard(tensor: &Tensor, shard: &Shard) -> Tensor {
    let view = of_shard(tensor, shard);
    if shard.start == 0 { view } else { view.copy() }
}

/// Does jobs on up to `threads` threads, with one libtorch thread in each, and returns the results in the
/// order of the jobs. The results do not depend on the number of threads as long as no job depends on
/// another.
pub fn parallel<J: Send, T: Send>(
    jobs: Vec<J>,
    threads: usize,
    work: impl Fn(J) -> T + Sync,
) -> Vec<T> {
    if threads <= 1 || jobs.len() <= 1 {
        return jobs.into_iter().map(work).collect();
    }
    let count = jobs.len();
    let jobs: Vec<_> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
    let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                use_one_thread();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    // Each job is locked once, so the lock cannot be poisoned.
                    let Some(job) = job.lock().ok().and_then(|mut job| job.take()) else {
                        continue;
                    };
                    let result = work(job);
                    if let Ok(mut slot) = results[index].lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// Set while a test computes all seeds at once on a CPU, as a GPU does.
        pub(crate) static TOGETHER: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for threads in [1, 3, 50] {
            let squares = parallel((0..20).collect(), threads, |n: u64| n * n);
            assert_eq!(squares, (0..20).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_cpu_takes_seeds_one_by_one_and_a_gpu_all() {
        assert_eq!(shards(3, Device::Cpu), [0..1, 1..2, 2..3]);
        assert_eq!(shards(3, Device::Cuda(0)), vec![Shard { start: 0, end: 3 }]);
    }
}
