//! A small seeded generator, SplitMix64, with the same bits on every machine.

/// A generator of random numbers. Equal seeds give equal numbers.
#[derive(Clone, Copy, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Mixes a number into the state, so that the numbers that follow depend on it.
    pub fn absorb(&mut self, number: u64) {
        self.0 ^= number;
        self.0 = self.bits();
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number from the uniform distribution over `0..1`.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// An integer from the uniform distribution over `0..bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }

    /// A number from the standard normal distribution, up to its fourth moment: the sum of twelve
    /// uniform numbers of 16 bits, which is exact.
    pub fn normal(&mut self) -> f32 {
        let mut sum = 0;
        for _ in 0..3 {
            let bits = self.bits();
            for lane in 0..4 {
                sum += (bits >> (16 * lane)) as u32 & 0xFFFF;
            }
        }
        // The mean of the sum is 12 * 32767.5, its standard deviation 65536.
        (sum as f32 - 393_210.0) / 65_536.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal_distribution() {
        let mut random = SplitMix64::new(1);
        let numbers: Vec<f64> = (0..20_000).map(|_| f64::from(random.normal())).collect();
        let moment = |k: i32| numbers.iter().map(|x| x.powi(k)).sum::<f64>() / 20_000.0;
        assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.03, "{}", moment(2));
        // A sum of twelve uniform numbers has a kurtosis of 2.9.
        assert!((moment(4) - 2.9).abs() < 0.15, "{}", moment(4));
    }
}
