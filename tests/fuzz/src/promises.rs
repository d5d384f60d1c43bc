//! The promises of an opened image to its user, checked by code that was written from the specification.
//!
//! The functions take plain data instead of an `Image`, so that the tests below can pass values that an image
//! cannot hold.

use daa_core::MlpShape;
use daa_core::image::{Architecture, Image, Metadata, Section};
use daa_core::math::WeightType;

/// Panics at the first broken promise.
pub(crate) fn check(image: &Image<'_>) {
    let architecture = image.architecture();
    passport(image.metadata(), architecture);
    policy(image.section(Section::Policy), architecture);
    assert_eq!(image.log_std().len(), usize::from(architecture.actions));
    for section in [Section::Transition, Section::Reward, Section::Critic, Section::Golden] {
        finite(image.section(section));
    }
    positive(image.transition_scale());
    monitor(image.section(Section::Monitor));
    assert_eq!(image.golden().len(), image.golden().count());
}

fn passport(passport: &Metadata<'_>, architecture: &Architecture) {
    assert_eq!(passport.observations.len(), usize::from(architecture.observations));
    assert_eq!(passport.actions.len(), usize::from(architecture.actions));
    assert!(passport.control_period_us > 0, "a period of 0");
    positive(&[passport.observation_clip, passport.reward_scale]);
    let fractions = [passport.gamma, passport.lambda];
    assert!(fractions.iter().all(|x| (0.0..=1.0).contains(x)), "no fractions: {fractions:?}");
    for signal in &passport.observations {
        limits(signal.low, signal.high);
        finite(&[signal.mean]);
        // The firmware multiplies by the inverse.
        positive(&[signal.deviation, 1.0 / signal.deviation]);
    }
    for signal in &passport.actions {
        limits(signal.low, signal.high);
    }
}

fn limits(low: f32, high: f32) {
    finite(&[low, high]);
    assert!(low < high, "limits {low} to {high}");
}

/// Checks every weight, and the logarithms of the standard deviations behind the weights.
fn policy(numbers: &[f32], architecture: &Architecture) {
    match architecture.policy_weights {
        WeightType::F32 => finite(numbers),
        weights => {
            let words: Vec<u32> = numbers.iter().map(|number| number.to_bits()).collect();
            let read = integers(&words, weights, architecture.policy());
            finite(&numbers[read..]);
        }
    }
}

/// Checks the integer network at the beginning of `words` and returns its number of words.
fn integers(words: &[u32], weights: WeightType, shape: MlpShape) -> usize {
    assert!(shape.hidden.is_multiple_of(4), "a hidden width of {}", shape.hidden);
    positive(&[f32::from_bits(words[0])]);
    let mut at = 1;
    for (layer, (inputs, outputs)) in shape.layers().into_iter().enumerate() {
        let rows = inputs.div_ceil(4) * if weights == WeightType::I8 { 1 } else { 2 };
        for first in (0..outputs).step_by(4) {
            let block = (outputs - first).min(4);
            let bias = &words[at..at + block];
            let matrix = &words[at + block..at + block * (1 + rows)];
            let factor = &words[at + block * (1 + rows)..at + block * (2 + rows)];
            for output in 0..block {
                let column = matrix.iter().skip(output).step_by(block);
                let magnitude: i64 = column.map(|word| magnitude(*word, weights)).sum();
                let bias = i64::from(bias[output].cast_signed());
                assert!(bias.abs() + 4096 * magnitude < 1 << 31, "a sum that could overflow");
                if layer == 2 {
                    positive(&[f32::from_bits(factor[output])]);
                } else {
                    assert!(factor[output].cast_signed() >= 0, "a negative multiplier");
                }
            }
            at += block * (2 + rows);
        }
    }
    at
}

/// Sum of the magnitudes of the weights in a word.
fn magnitude(word: u32, weights: WeightType) -> i64 {
    let bytes = word.to_le_bytes();
    if weights == WeightType::I8 {
        return bytes.map(|byte| i64::from(byte.cast_signed()).abs()).iter().sum();
    }
    let [a, b, c, d] = bytes;
    [[a, b], [c, d]].map(|half| i64::from(i16::from_le_bytes(half)).abs()).iter().sum()
}

fn monitor(numbers: &[f32]) {
    positive(numbers);
    if let [.., warn, alarm] = numbers {
        assert!(warn <= alarm, "warnings at {warn}, alarms at {alarm}");
    }
}

fn finite(numbers: &[f32]) {
    let bad = numbers.iter().position(|number| !number.is_finite());
    assert_eq!(bad, None, "the index of a number that is not finite");
}

fn positive(numbers: &[f32]) {
    finite(numbers);
    let bad = numbers.iter().position(|number| *number <= 0.0);
    assert_eq!(bad, None, "the index of a number that is not positive");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ACT, HIDDEN, OBS, repair};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// A seed image in aligned memory.
    fn seed(name: &str) -> Vec<u32> {
        let seeds = crate::seeds("image");
        let (_, bytes) = seeds.iter().find(|(seed, _)| seed == name).unwrap();
        assert!(bytes.len().is_multiple_of(4));
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
    }

    fn keeps(promise: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(promise)).is_ok()
    }

    const NOT_FINITE: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    const NOT_POSITIVE: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.5];

    #[test]
    fn every_broken_promise_of_a_passport_is_noticed() {
        let words = seed("seed-f32-policy");
        let image = Image::open(bytemuck::cast_slice(&words)).unwrap();
        let notices = |edit: &dyn Fn(&mut Metadata<'_>)| {
            let mut changed = image.metadata().clone();
            edit(&mut changed);
            !keeps(|| passport(&changed, image.architecture()))
        };
        assert!(!notices(&|_| ()), "the control");
        assert!(!notices(&|p| p.control_period_us = 1), "the control");
        assert!(notices(&|p| p.control_period_us = 0));
        for value in NOT_POSITIVE {
            assert!(notices(&|p| p.observation_clip = value), "clip {value}");
            assert!(notices(&|p| p.reward_scale = value), "factor of the rewards {value}");
            assert!(notices(&|p| p.observations[OBS - 1].deviation = value), "deviation {value}");
        }
        // The number is positive and finite, but its inverse is infinite.
        assert!(notices(&|p| p.observations[0].deviation = 1e-40));
        for value in [f32::NAN, -0.1, 1.1] {
            assert!(notices(&|p| p.gamma = value) && notices(&|p| p.lambda = value), "{value}");
        }
        for value in NOT_FINITE {
            assert!(notices(&|p| p.observations[OBS - 1].mean = value), "mean {value}");
            assert!(notices(&|p| p.observations[0].low = value), "low {value}");
            assert!(notices(&|p| p.actions[ACT - 1].high = value), "high {value}");
        }
        // The limits of the seed images are -5 to 5 and -1 to 1.
        assert!(
            notices(&|p| p.observations[1].low = 5.0) && notices(&|p| p.actions[0].high = -1.0)
        );
        assert!(notices(&|p| p.actions.truncate(1)) && notices(&|p| p.observations.truncate(1)));
    }

    #[test]
    fn every_weight_that_is_none_is_noticed_and_every_sum_that_could_overflow() {
        for (name, network) in [("f32", 46), ("i8", 31), ("i16", 41)] {
            let words = seed(&format!("seed-{name}-policy"));
            let image = Image::open(bytemuck::cast_slice(&words)).unwrap();
            let architecture = image.architecture();
            let sound: Vec<f32> = image.section(Section::Policy).to_vec();
            let notices = |index: usize, word: u32| {
                let mut changed = sound.clone();
                changed[index] = f32::from_bits(word);
                !keeps(|| policy(&changed, architecture))
            };
            assert_eq!(sound.len(), network + ACT);
            let is_float = |index| name == "f32" || index >= network;
            for (index, number) in sound.iter().enumerate() {
                assert!(!notices(index, number.to_bits()), "the control: {name} {index}");
                for value in NOT_FINITE.map(f32::to_bits) {
                    assert!(notices(index, value) || !is_float(index), "{name} {index}");
                }
            }
            if name == "f32" {
                continue;
            }
            // The inverse unit, and the two units at the end.
            for value in NOT_POSITIVE.map(f32::to_bits) {
                for index in [0, network - 2, network - 1] {
                    assert!(notices(index, value), "{name} {index}");
                }
            }
            // Blocks of the hidden layers: four biases, the weights, four multipliers.
            let layer = (network - 1) * HIDDEN / (2 * HIDDEN + ACT);
            for index in 1..=2 * layer {
                let in_layer = (index - 1) % layer;
                if in_layer < HIDDEN {
                    assert!(notices(index, i32::MAX as u32) && notices(index, i32::MIN as u32));
                } else if in_layer >= layer - HIDDEN {
                    assert!(notices(index, u32::MAX) && !notices(index, i32::MAX as u32));
                } else if name == "i16" {
                    // A sum of 16 * 32768 * 4096 = 2^31 overflows; two weights of a word cannot reach it, eight can.
                    assert!(!notices(index, 0x7FFF_7FFF), "the control");
                }
            }
        }
    }

    #[test]
    fn the_bound_of_a_sum_is_the_specifications() {
        // One input and output, four hidden units: 2^31 - 1 is the largest bias beside a weight of 0,
        // and each step of a weight takes 4096 of it.
        let shape = MlpShape::new(1, 4, 1);
        let network = |bias: i32, word: u32| {
            let mut words = vec![1f32.to_bits()];
            for width in [4, 4, 1] {
                words.extend(vec![0; 2 * width]);
                words.extend(vec![1f32.to_bits(); width]);
            }
            (words[2], words[6]) = (bias as u32, word);
            words
        };
        for (bias, word, fits) in [
            (i32::MAX, 0, true),
            (i32::MIN, 0, false),
            (i32::MAX - 4096, 1, true),
            (i32::MAX - 4095, 1, false),
            // -1 in each of the four bytes.
            (i32::MAX - 4 * 4096, 0xFFFF_FFFF, true),
            (i32::MAX - 4 * 4096 + 1, 0xFFFF_FFFF, false),
            // -128 in the uppermost.
            (-(i32::MAX - 128 * 4096), 0x8000_0000, true),
            (-(i32::MAX - 128 * 4096) - 1, 0x8000_0000, false),
        ] {
            let words = network(bias, word);
            let kept = keeps(|| assert_eq!(integers(&words, WeightType::I8, shape), words.len()));
            assert_eq!(kept, fits, "{bias} and {word:08x}");
        }
    }

    #[test]
    fn a_monitor_whose_levels_are_not_ordered_is_noticed() {
        let notices = |numbers: [f32; 4]| !keeps(|| monitor(&numbers));
        assert!(
            !notices([0.1, 0.2, 3.0, 3.0]) && !keeps(|| monitor(&[0.0])) && keeps(|| monitor(&[]))
        );
        assert!(notices([0.1, 0.2, 3.5, 3.0]) && notices([0.1, 0.0, 1.0, 3.0]));
        assert!(notices([0.1, 0.2, f32::NAN, 3.0]) && notices([0.1, 0.2, 1.0, f32::INFINITY]));
    }

    /// The corpus holds accepted images; the images here differ from them in one number.
    #[test]
    fn a_number_that_is_none_anywhere_in_a_seed_gets_no_further_than_open() {
        for (name, bytes) in crate::seeds("image") {
            let words = seed(&name);
            let image = Image::open(bytemuck::cast_slice(&words)).unwrap();
            let floats: usize = Section::ALL.iter().map(|s| image.section(*s).len()).sum();
            let integers = image.policy_integers().len();
            let begin = words.len() - floats;
            let mut accepted = 0;
            for index in begin + integers..words.len() {
                for value in NOT_FINITE {
                    let mut changed = bytes.clone();
                    changed[4 * index..][..4].copy_from_slice(&value.to_le_bytes());
                    crate::image(&changed);
                    let mut words = words.clone();
                    words[index] = value.to_bits();
                    assert!(repair(bytemuck::cast_slice_mut(&mut words)));
                    assert!(Image::open(bytemuck::cast_slice(&words)).is_err(), "{name} {index}");
                }
                let mut words = words.clone();
                words[index] = (f32::from_bits(words[index]) * 1.0001).to_bits();
                assert!(repair(bytemuck::cast_slice_mut(&mut words)));
                accepted += usize::from(Image::open(bytemuck::cast_slice(&words)).is_ok());
            }
            assert_eq!(accepted, floats - integers, "the control: {name}");
        }
    }
}
