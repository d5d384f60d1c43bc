//! A histogram of integers of any size, in constant memory.

/// Steps within a power of two.
const STEPS: u32 = 8;
/// One bin for each of 0..8, then 8 bins for each of the 29 remaining powers of two.
const BINS: usize = 8 + 29 * STEPS as usize;

/// 240 bins, each at most an eighth wider than its lower end.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: [u32; BINS],
    total: u32,
}

fn bin(value: u32) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let exponent = value.ilog2(); // 3..=31
    let step = value >> (exponent - 3) & (STEPS - 1);
    (STEPS + (exponent - 3) * STEPS + step) as usize
}

/// The largest number that falls into a bin.
fn upper(bin: usize) -> u32 {
    let bin = bin as u32;
    if bin < STEPS {
        return bin;
    }
    let (shift, step) = ((bin - STEPS) / STEPS, (bin - STEPS) % STEPS);
    let next = u64::from(STEPS + step + 1) << shift;
    u32::try_from(next - 1).unwrap_or(u32::MAX)
}

impl Histogram {
    pub(super) const fn new() -> Self {
        Self { counts: [0; BINS], total: 0 }
    }

    pub(super) fn add(&mut self, value: u32) {
        if let Some(count) = self.counts.get_mut(bin(value)) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// An upper bound of the quantile `part / whole` of all numbers; 0 without numbers.
    pub(super) fn quantile(&self, part: u32, whole: u32) -> u32 {
        let wanted = (u64::from(self.total) * u64::from(part)).div_ceil(u64::from(whole.max(1)));
        let mut sum = 0;
        for (bin, count) in self.counts.iter().enumerate() {
            sum += u64::from(*count);
            if sum >= wanted.max(1) {
                return upper(bin);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_lies_in_a_bin_that_is_at_most_an_eighth_too_wide() {
        let numbers = (0..5000).chain((0..32).flat_map(|e| {
            let power = 1u32 << e;
            [power - 1, power, power.saturating_add(power / 3), power | (power - 1)]
        }));
        for number in numbers {
            let upper = upper(bin(number));
            assert!(upper >= number, "{number} above {upper}");
            assert!(
                u64::from(upper) <= u64::from(number) + u64::from(number) / 8,
                "{number} {upper}"
            );
        }
        assert_eq!((bin(u32::MAX), upper(BINS - 1)), (BINS - 1, u32::MAX));
    }

    #[test]
    fn quantiles_of_small_numbers_are_exact() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(999, 1000), 0);
        (0..8).for_each(|number| histogram.add(number));
        assert_eq!(histogram.quantile(1, 2), 3);
        assert_eq!(histogram.quantile(5, 8), 4);
        assert_eq!(histogram.quantile(1, 1), 7);
    }
}
