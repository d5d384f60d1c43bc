//! Work spread over threads, with results that do not depend on their number.

use rayon::ThreadPoolBuilder;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

/// The results of `work(0)`, `work(1)`, ... `work(count - 1)`, in this order, computed on at most
/// `threads` threads. Where `threads` is below 2, or the operating system provides no threads, the
/// calling thread does everything.
///
/// ```
/// assert_eq!(daa_envs::parallel::map(4, 5, |index| index * index), [0, 1, 4, 9, 16]);
/// ```
///
/// # Panics
/// Where `work` panics.
pub fn map<T: Send>(threads: usize, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let pool = match threads.min(count) {
        0 | 1 => None,
        threads => ThreadPoolBuilder::new().num_threads(threads).build().ok(),
    };
    match pool {
        None => (0..count).map(work).collect(),
        Some(pool) => pool.install(|| {
            // One index after the other: costs differ, and a contiguous half for each thread would
            // leave threads without work at the end.
            (0..count).into_par_iter().with_max_len(1).map(&work).collect()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_on_every_number_of_threads() {
        let expected: Vec<u64> = (0..200).map(|index| index * index).collect();
        for threads in [0, 1, 2, 3, 300] {
            // Later indices finish first.
            let found = map(threads, 200, |index| {
                (0..200 - index as u64).fold(0, |sum, x| sum ^ std::hint::black_box(x));
                (index * index) as u64
            });
            assert_eq!(found, expected, "{threads} threads");
        }
        assert!(map(3, 0, |index| index).is_empty());
    }

    #[test]
    fn no_more_threads_work_than_were_asked_for() {
        let names = map(2, 100, |_| std::thread::current().id());
        let mut distinct: Vec<_> = names.iter().map(|id| format!("{id:?}")).collect();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() <= 2, "{distinct:?}");
    }

    #[test]
    #[should_panic(expected = "index 3")]
    fn a_panic_reaches_the_caller() {
        map(2, 8, |index| assert!(index != 3, "index {index}"));
    }
}
