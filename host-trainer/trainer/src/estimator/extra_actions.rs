//! The N extra actions of every state.
//!
//! All estimators draw the same ones for the same seed, iteration and state: what differs between them
//! is their values.

use super::context::Context;
use crate::settings::NoiseScheme;
use daa_envs::streams::{Purpose, fill_normal, stream};
use rand::Rng;
use statrs::distribution::{ContinuousCDF, Normal};
use tch::Tensor;

/// Raw actions `[S, T, N, A]`, sampled from the policy that acted; `mean` is `[S, T, A]`.
pub fn extra_actions(context: &Context<'_>, mean: &Tensor) -> Tensor {
    let (seeds, states, width) = (mean.size()[0], mean.size()[1], mean.size()[2]);
    let num_actions = context.num_actions;
    let mut noise = vec![0.0; (seeds * states * width) as usize * num_actions];
    let rows = noise.chunks_exact_mut(num_actions * width as usize);
    for (row, noise) in rows.enumerate() {
        let (s, t) = (row / states as usize, row % states as usize);
        let number = (context.iteration << 24) | t as u64;
        let mut rng = stream(context.seeds[s], Purpose::ExtraActions, number);
        fill(context.noise, &mut rng, width as usize, noise);
    }
    let size = [seeds, states, num_actions as i64, width];
    let noise = Tensor::from_slice(&noise).view(size).to_device(mean.device());
    let deviation = context.actor.extra().exp().view([seeds, 1, 1, width]);
    mean.unsqueeze(2).addcmul(&noise, &deviation)
}

/// Standard normal noise of one state's actions, `[N, A]`.
fn fill(scheme: NoiseScheme, rng: &mut impl Rng, width: usize, noise: &mut [f32]) {
    match scheme {
        NoiseScheme::Independent => fill_normal(rng, noise),
        NoiseScheme::Antithetic => {
            fill_normal(rng, noise);
            for pair in noise.chunks_exact_mut(2 * width) {
                let (plus, minus) = pair.split_at_mut(width);
                minus.iter_mut().zip(plus).for_each(|(minus, plus)| *minus = -*plus);
            }
        }
        NoiseScheme::Sobol => {
            let scramble = rng.next_u32();
            let normal = Normal::standard();
            for (n, action) in (0u32..).zip(noise.chunks_exact_mut(width)) {
                for (dimension, value) in (0u32..).zip(action) {
                    let u = sobol_burley::sample(n, dimension, scramble);
                    // 24 bits of [0, 1): the middle of each step, so that none is infinite.
                    let u = f64::from(u) + 0.5 / f64::from(1 << 24);
                    *value = normal.inverse_cdf(u) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [NoiseScheme; 3] =
        [NoiseScheme::Independent, NoiseScheme::Antithetic, NoiseScheme::Sobol];

    /// Noise of 4000 states, 8 actions of 2 numbers each.
    fn states(scheme: NoiseScheme) -> Vec<[[f64; 2]; 8]> {
        let state = |t| {
            let mut noise = [0.0; 16];
            fill(scheme, &mut stream(3, Purpose::ExtraActions, t), 2, &mut noise);
            std::array::from_fn(|n| [f64::from(noise[2 * n]), f64::from(noise[2 * n + 1])])
        };
        (0..4000).map(state).collect()
    }

    #[test]
    fn every_scheme_draws_standard_normal_numbers() {
        for scheme in SCHEMES {
            let mut values: Vec<f64> = states(scheme).iter().flatten().map(|a| a[1]).collect();
            values.sort_by(f64::total_cmp);
            let normal = Normal::standard();
            let count = values.len() as f64;
            let distance = (0..).zip(&values).map(|(i, value)| {
                let cdf = normal.cdf(*value);
                (cdf - f64::from(i) / count).abs().max((cdf - f64::from(i + 1) / count).abs())
            });
            // Kolmogorov-Smirnov at 1e-4, for the 4000 independent pairs at the least.
            let distance = distance.fold(0.0, f64::max);
            assert!(distance < 2.23 / (count / 2.0).sqrt(), "{scheme:?}: {distance}");
        }
    }

    #[test]
    fn antithetic_and_sobol_means_vary_less() {
        // A function with an odd and an even part, as an advantage may be.
        let f = |a: &[f64; 2]| a[0] + 0.5 * a[1] + 0.3 * a[0] * a[0];
        let variance = |scheme| {
            let means = states(scheme);
            let means: Vec<f64> =
                means.iter().map(|state| state.iter().map(f).sum::<f64>() / 8.0).collect();
            let mean = means.iter().sum::<f64>() / 4000.0;
            // E f = 0.3, whatever the scheme.
            assert!((mean - 0.3).abs() < 0.03, "{scheme:?}: {mean}");
            means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 3999.0
        };
        let [independent, antithetic, sobol] = SCHEMES.map(variance);
        // Var f / 8 = (1 + 0.25 + 0.18) / 8.
        assert!((independent - 0.179).abs() < 0.02, "{independent}");
        // The odd part cancels: 2 * 0.18 / 8.
        assert!((antithetic - 0.045).abs() < 0.01, "{antithetic}");
        assert!(sobol < antithetic, "{sobol}");
    }
}
