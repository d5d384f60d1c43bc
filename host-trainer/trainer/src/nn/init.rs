//! Orthogonal initialisation of weights.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Returns an `[input][output]` matrix whose rows or columns, whichever are fewer, are orthogonal vectors of length
/// `gain` (Saxe et al. 2014). Computed by Gram-Schmidt on standard normal vectors, in double precision.
pub fn orthogonal<R: Rng>(rng: &mut R, input: usize, output: usize, gain: f32) -> Vec<f32> {
    let (count, len) = (input.min(output), input.max(output));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..len).map(|_| StandardNormal.sample(rng)).collect();
        // Two passes: after one pass, rounding errors are large relative to a short remainder.
        for _ in 0..2 {
            for other in &vectors {
                let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= dot * b);
            }
        }
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|v| *v /= norm);
            vectors.push(vector);
        }
    }
    let mut matrix = vec![0.0; input * output];
    for i in 0..input {
        for o in 0..output {
            let value = if input <= output { vectors[i][o] } else { vectors[o][i] };
            matrix[i * output + o] = value as f32 * gain;
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn the_shorter_side_is_orthogonal_with_the_gain_as_length() {
        for (input, output) in [(5, 64), (64, 64), (64, 1), (30, 7)] {
            let matrix = orthogonal(&mut ChaCha8Rng::seed_from_u64(1), input, output, 1.5);
            let at = |i: usize, o: usize| f64::from(matrix[i * output + o]);
            let short = input.min(output);
            for a in 0..short {
                for b in 0..short {
                    let dot: f64 = if input <= output {
                        (0..output).map(|o| at(a, o) * at(b, o)).sum()
                    } else {
                        (0..input).map(|i| at(i, a) * at(i, b)).sum()
                    };
                    let expected = if a == b { 2.25 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-5, "{input}x{output} {a} {b}: {dot}");
                }
            }
        }
    }
}
