// The measured networks: included by this package's build script and by the command that builds the
// programs of the other libraries.

/// Inputs, hidden width and outputs of each network.
pub const NETWORKS: [(usize, usize, usize); 4] =
    [(5, 64, 1), (17, 64, 6), (24, 64, 6), (24, 256, 6)];

/// The paper's policy of cheetah run: with weights of eight bits it fits the chip.
pub const WIDE: (usize, usize, usize) = (17, 512, 6);

/// `5-64-64-1`
pub fn name((inputs, hidden, outputs): (usize, usize, usize)) -> String {
    format!("{inputs}-{hidden}-{hidden}-{outputs}")
}

/// A linear congruential generator: uniform in `-1..1`.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// Parameters in the order of an image: `W1 [in][out], b1, W2, b2, W3, b3`.
pub fn weights((inputs, hidden, outputs): (usize, usize, usize)) -> Vec<f32> {
    let mut noise = Noise((inputs + hidden) as u64);
    let mut weights = Vec::new();
    for (rows, columns) in [(inputs, hidden), (hidden, hidden), (hidden, outputs)] {
        // Twice the variance of the usual initialisation, because ReLU sets half of the units to zero.
        let bound = (6.0 / rows as f32).sqrt();
        weights.extend((0..rows * columns + columns).map(|_| bound * noise.next()));
    }
    weights
}

/// An observation.
pub fn observation(inputs: usize) -> Vec<f32> {
    let mut noise = Noise(2022);
    (0..inputs).map(|_| 2.0 * noise.next()).collect()
}
