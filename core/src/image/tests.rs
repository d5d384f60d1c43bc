//! Damage is refused, bad contents are refused, the layout is the specification's.
#![allow(clippy::unwrap_used)]

use super::header::checksum;
use super::*;
use crate::math::{Activation, WeightType};
use crate::model::TransitionTarget;
use crate::policy::{Head, Policy};
use proptest::prelude::*;
use std::vec::Vec;

const ARCHITECTURE: Architecture = Architecture {
    observations: 3,
    actions: 2,
    policy_hidden: 4,
    transition_hidden: 5,
    reward_hidden: 2,
    critic_hidden: 3,
    policy_activation: Activation::Tanh,
    model_activation: Activation::Silu,
    critic_activation: Activation::Relu,
    transition_target: TransitionTarget::Difference,
    policy_weights: WeightType::F32,
    policy_head: Head::Squash,
};

fn metadata() -> Metadata<'static> {
    let observation = |name, mean| ObservationSignal {
        name,
        unit: "m",
        low: -5.0,
        high: 5.0,
        mean,
        deviation: 0.5,
    };
    let action = |name| ActionSignal { name, unit: "", low: -1.0, high: 1.0 };
    Metadata {
        task: "toy-reach",
        control_period_us: 40_000,
        observation_clip: 10.0,
        gamma: 0.99,
        lambda: 0.95,
        reward_scale: 0.25,
        observations: [observation("x", 0.0), observation("y", 0.25), observation("z", -1.0)]
            .into_iter()
            .collect(),
        actions: [action("left"), action("right")].into_iter().collect(),
        provenance: Provenance {
            commit: "",
            preset: "toy",
            seed: 7,
            decisions: 1000,
            evaluation: Some(Return { mean: 1.0, standard_error: 0.5, episodes: 4 }),
        },
    }
}

/// Numbers that tell every position from every other.
fn ramp(section: Section) -> Vec<f32> {
    (0..ARCHITECTURE.section_len(section, 0)).map(|i| 0.01 + 0.02 * i as f32).collect()
}

/// A 4-byte aligned image.
struct Bytes(Vec<u32>, usize);

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.0)[..self.1]
    }
    fn copy(bytes: &[u8]) -> Self {
        let mut words = std::vec![0u32; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self(words, bytes.len())
    }
    fn with(&self, change: impl FnOnce(&mut [u8])) -> Self {
        let mut copy = Self(self.0.clone(), self.1);
        change(&mut bytemuck::cast_slice_mut(&mut copy.0)[..self.1]);
        copy
    }
    /// The same with architecture hash and CRC-32 made to hold again.
    fn repaired(&self) -> Self {
        self.with(|bytes| {
            let block: [u8; ARCHITECTURE_BYTES] = bytes[24..48].try_into().unwrap();
            bytes[16..20].copy_from_slice(&architecture::hash(&block).to_le_bytes());
            let crc = checksum(bytes);
            bytes[20..24].copy_from_slice(&crc.to_le_bytes());
        })
    }
}

fn build(
    metadata: &Metadata<'_>,
    edit: impl FnOnce(&mut Contents<'_>),
) -> Result<Bytes, ImageError> {
    let (policy, reward, critic) =
        (ramp(Section::Policy), ramp(Section::Reward), ramp(Section::Critic));
    let transition = ramp(Section::Transition);
    let monitor = ramp(Section::Monitor);
    let golden: Vec<f32> = (0..10).map(|i| i as f32).collect();
    let mut contents = Contents {
        architecture: ARCHITECTURE,
        metadata,
        policy: &policy,
        model: Some(Model {
            transition_scale: &transition[..3],
            transition: &transition[3..],
            reward: &reward,
            critic: &critic,
            monitor: &monitor,
        }),
        golden: &golden,
    };
    edit(&mut contents);
    let mut words = std::vec![0u32; contents.capacity() / 4];
    let len = write(&contents, bytemuck::cast_slice_mut(&mut words))?;
    Ok(Bytes(words, len))
}

fn sound() -> Bytes {
    build(&metadata(), |_| {}).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let bytes = sound();
    let image = Image::open(bytes.as_slice()).unwrap();
    assert_eq!(*image.architecture(), ARCHITECTURE);
    assert_eq!(*image.metadata(), metadata());
    assert_eq!(image.policy_weights(), ramp(Section::Policy));
    assert_eq!(image.section(Section::Critic), ramp(Section::Critic));
    assert_eq!(
        [image.transition_scale(), image.transition_weights()].concat(),
        ramp(Section::Transition)
    );
    assert_eq!(image.monitor_residual(), &ramp(Section::Monitor)[..3]);
    let levels = image.monitor_levels().unwrap();
    assert_eq!([levels.warn, levels.alarm], ramp(Section::Monitor)[3..]);
    let golden: Vec<_> = image.golden().collect();
    assert_eq!(golden.len(), 2);
    assert_eq!(golden[1], GoldenVector { observation: &[5.0, 6.0, 7.0], action: &[8.0, 9.0] });
    assert!(image.learned_model::<3, 2, 5, 4, 5, 2, 3>().unwrap().is_some());
}

#[test]
fn every_single_bit_flip_is_refused() {
    let bytes = sound();
    for bit in 0..8 * bytes.1 {
        let flipped = bytes.with(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert!(Image::open(flipped.as_slice()).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_and_any_trailing_byte_is_refused() {
    let bytes = sound();
    for len in 0..bytes.1 {
        assert!(Image::open(&bytes.as_slice()[..len]).is_err(), "{len} bytes");
    }
    let mut longer = bytes.as_slice().to_vec();
    longer.push(0);
    let error = ImageError::TrailingBytes { declared: bytes.1, found: bytes.1 + 1 };
    assert_eq!(Image::open(Bytes::copy(&longer).as_slice()).unwrap_err(), error);
}

#[test]
fn blank_flash_and_other_files_are_refused() {
    assert_eq!(Image::open(&[]).unwrap_err(), ImageError::TooShort { len: 0 });
    assert_eq!(Image::open(&[0xFF; 4096]).unwrap_err(), ImageError::Magic);
    assert_eq!(Image::open(&[0; 4096]).unwrap_err(), ImageError::Magic);
    assert_eq!(Image::open(b"#!/bin/sh").unwrap_err(), ImageError::Magic);
}

#[test]
fn each_header_field_has_its_own_cause() {
    let bytes = sound();
    let open = |at: usize, value: u8| {
        let bytes = bytes.with(|bytes| bytes[at] = value);
        Image::open(bytes.as_slice()).map(|_| ()).unwrap_err()
    };
    assert_eq!(open(0, b'X'), ImageError::Magic);
    assert_eq!(open(8, 9), ImageError::Version { found: 9 });
    assert!(matches!(open(13, 0xFF), ImageError::Truncated { .. }));
    assert!(matches!(open(13, 0), ImageError::TrailingBytes { .. }));
    assert_eq!(open(16, bytes.as_slice()[16] ^ 1), ImageError::ArchitectureHash);
    assert_eq!(open(24, 4), ImageError::ArchitectureHash);
    assert!(matches!(open(20, bytes.as_slice()[20] ^ 1), ImageError::Checksum { .. }));
    assert!(matches!(open(48, 0), ImageError::Checksum { .. }));
}

#[test]
fn another_architecture_is_refused_by_a_firmware_built_for_this_one() {
    let bytes = sound();
    let image = Image::open(bytes.as_slice()).unwrap();
    assert!(image.clone().expect(&ARCHITECTURE).is_ok());
    let other = Architecture { policy_activation: Activation::Relu, ..ARCHITECTURE };
    let error = image.expect(&other).unwrap_err();
    assert_eq!(
        error,
        ImageError::OtherArchitecture { wanted: other.hash(), found: ARCHITECTURE.hash() }
    );
}

#[test]
fn a_region_may_be_blank_behind_the_image_but_not_more() {
    for blank in [0xFF, 0x00] {
        let mut region = sound().as_slice().to_vec();
        region.resize(region.len() + 64, blank);
        assert!(Image::open_region(Bytes::copy(&region).as_slice()).is_ok());
        *region.last_mut().unwrap() = 0x55;
        let error = Image::open_region(Bytes::copy(&region).as_slice()).unwrap_err();
        assert!(matches!(error, ImageError::TrailingBytes { .. }));
    }
    let cut = &sound().as_slice()[..200].to_vec();
    assert!(matches!(
        Image::open_region(Bytes::copy(cut).as_slice()),
        Err(ImageError::Truncated { .. })
    ));
}

#[test]
fn impossible_contents_are_refused_even_with_a_repaired_checksum() {
    let bytes = sound();
    let open = |change: &dyn Fn(&mut [u8])| {
        let bytes = bytes.with(|bytes| change(bytes)).repaired();
        Image::open(bytes.as_slice()).map(|_| ()).unwrap_err()
    };
    assert_eq!(open(&|b| b[36] = 9), ImageError::Architecture);
    assert_eq!(open(&|b| b[30] = 0), ImageError::Architecture);
    assert_eq!(open(&|b| b[46] = 1), ImageError::Architecture);
    assert_eq!(open(&|b| b[47] = 2), ImageError::Architecture);
    assert_eq!(open(&|b| b[24] = 2), ImageError::Layout);
    assert_eq!(open(&|b| b[52] = 3), ImageError::Layout);
    assert_eq!(open(&|b| b[52..56].fill(0xFF)), ImageError::Layout);
    assert_eq!(open(&|b| b[48..52].fill(0xFF)), ImageError::Layout);
    assert_eq!(open(&|b| b[60] = 1), ImageError::Layout);
    let nan = f32::NAN.to_le_bytes();
    let last = bytes.1 - 4;
    let error = ImageError::NotFinite { section: Section::Golden, index: 9 };
    assert_eq!(open(&|b| b[last..].copy_from_slice(&nan)), error);
}

/// Sections in the order of the file, with their numbers, and where the first one begins.
fn sections(bytes: &Bytes) -> (usize, [(Section, usize); 6]) {
    let of = |section| (section, ARCHITECTURE.section_len(section, 2));
    let all = [
        Section::Policy,
        Section::Transition,
        Section::Reward,
        Section::Critic,
        Section::Monitor,
        Section::Golden,
    ]
    .map(of);
    (bytes.1 - 4 * all.iter().map(|(_, len)| len).sum::<usize>(), all)
}

#[test]
fn a_number_that_is_none_is_refused_in_every_section_even_with_a_repaired_checksum() {
    let bytes = sound();
    let (mut start, all) = sections(&bytes);
    for (section, len) in all {
        for index in [0, len / 2, len - 1] {
            let at = start + 4 * index;
            let open = |value: f32| {
                let change = |b: &mut [u8]| b[at..at + 4].copy_from_slice(&value.to_le_bytes());
                Image::open(bytes.with(change).repaired().as_slice()).map(|_| ())
            };
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let error = ImageError::NotFinite { section, index };
                assert_eq!(open(value), Err(error), "{section:?} {index} {value}");
            }
            // The control: a number beside the one that is there.
            let here = f32::from_le_bytes(bytes.as_slice()[at..at + 4].try_into().unwrap());
            assert_eq!(open(here * 1.001), Ok(()), "{section:?} {index}");
        }
        start += 4 * len;
    }
    assert_eq!(start, bytes.1);
}

#[test]
fn units_levels_and_places_that_cannot_be_are_refused_even_with_a_repaired_checksum() {
    let bytes = sound();
    let (start, all) = sections(&bytes);
    let place = |section| {
        let before = all.iter().take_while(|(s, _)| *s != section).map(|(_, len)| 4 * len);
        start + before.sum::<usize>()
    };
    let open = |at: usize, value: f32| {
        let change = |b: &mut [u8]| b[at..at + 4].copy_from_slice(&value.to_le_bytes());
        Image::open(bytes.with(change).repaired().as_slice()).map(|_| ())
    };
    let (scale, monitor) = (place(Section::Transition), place(Section::Monitor));
    for value in [0.0, -1.0] {
        assert!(matches!(open(scale + 4, value), Err(ImageError::Scale { .. })), "{value}");
        assert!(matches!(open(monitor, value), Err(ImageError::Monitor)), "{value}");
    }
    // Three residuals, then the level of warnings, then that of alarms, which is 0.09.
    assert!(matches!(open(monitor + 12, 0.1), Err(ImageError::Monitor)));
    assert_eq!(open(monitor + 12, 0.0899), Ok(()));
    assert_eq!(open(scale + 4, 0.5), Ok(()));
    let mut shifted = std::vec![0u32; bytes.0.len() + 1];
    let shifted: &mut [u8] = bytemuck::cast_slice_mut(&mut shifted);
    shifted[1..=bytes.1].copy_from_slice(bytes.as_slice());
    assert_eq!(Image::open(&shifted[1..=bytes.1]).map(|_| ()), Err(ImageError::Misaligned));
}

#[test]
fn a_metadata_that_a_control_loop_cannot_rely_on_is_refused() {
    let refuse = |edit: &dyn Fn(&mut Metadata<'static>)| {
        let mut metadata = metadata();
        edit(&mut metadata);
        build(&metadata, |_| {}).map(|_| ()).unwrap_err()
    };
    use crate::math::normaliser::NormaliserError as N;
    assert_eq!(refuse(&|p| p.control_period_us = 0), ImageError::Period);
    assert_eq!(refuse(&|p| p.observations[1].low = 5.0), ImageError::Limits { signal: 1 });
    assert_eq!(refuse(&|p| p.actions[1].high = f32::NAN), ImageError::Limits { signal: 4 });
    let deviation = ImageError::Normaliser(N::DeviationNotPositive { index: 2 });
    assert_eq!(refuse(&|p| p.observations[2].deviation = 0.0), deviation);
    assert_eq!(refuse(&|p| p.observation_clip = -1.0), ImageError::Normaliser(N::ClipNotPositive));
    assert_eq!(refuse(&|p| p.gamma = f32::NAN), ImageError::Metadata);
    assert_eq!(refuse(&|p| p.reward_scale = 0.0), ImageError::Metadata);
    assert_eq!(
        refuse(&|p| {
            p.actions.pop();
        }),
        ImageError::SignalCount
    );
}

#[test]
fn contents_of_the_wrong_size_and_small_buffers_are_refused() {
    let error = build(&metadata(), |c| c.policy = &c.policy[1..]).map(|_| ()).unwrap_err();
    let expected = ARCHITECTURE.section_len(Section::Policy, 0);
    assert_eq!(
        error,
        ImageError::SectionLength { section: Section::Policy, expected, found: expected - 1 }
    );
    assert!(build(&metadata(), |c| c.model = None).is_err());
    let bytes = build(&metadata(), |c| {
        c.model = None;
        c.architecture = Architecture {
            transition_hidden: 0,
            reward_hidden: 0,
            critic_hidden: 0,
            ..ARCHITECTURE
        };
    });
    assert!(bytes.is_ok());
    let policy = ramp(Section::Policy);
    let metadata = metadata();
    let architecture =
        Architecture { transition_hidden: 0, reward_hidden: 0, critic_hidden: 0, ..ARCHITECTURE };
    let contents =
        Contents { architecture, metadata: &metadata, policy: &policy, model: None, golden: &[] };
    let mut words = [0u32; 1024];
    let buffer = bytemuck::cast_slice_mut(&mut words);
    let len = write(&contents, buffer).unwrap();
    for len in 0..len {
        assert_eq!(write(&contents, &mut buffer[..len]), Err(ImageError::BufferTooSmall), "{len}");
    }
}

#[test]
fn golden_vectors_are_compared_in_bits() {
    let metadata = metadata();
    let policy = ramp(Section::Policy);
    let observation = [1.0, -2.0, 0.5];
    let mean = metadata.observations.iter().map(|s| s.mean).collect::<Vec<_>>();
    let (mean, deviation) =
        (crate::SVector::from_column_slice(&mean), crate::SVector::from([0.5; 3]));
    let limits = [crate::policy::ActionLimits { low: -1.0, high: 1.0 }; 2];
    let action = Policy::<3, 4, 2>::new(&policy, Activation::Tanh, mean, &deviation, 10.0, limits)
        .unwrap()
        .mode(&crate::SVector::from(observation));
    let mut golden = observation.to_vec();
    golden.extend_from_slice(action.as_slice());
    let check = |golden: &[f32]| {
        // The contents' lifetime is chosen by `build`: hand the vector over as a leak of the test.
        let golden: &'static [f32] = golden.to_vec().leak();
        let bytes = build(&metadata, |c| c.golden = golden).unwrap();
        let image = Image::open(bytes.as_slice()).unwrap();
        replay(&image, &image.policy::<3, 4, 2>().unwrap())
    };
    assert_eq!(check(&golden), Ok(1));
    golden[4] = golden[4].next_up();
    assert!(matches!(check(&golden), Err(GoldenMismatch { vector: 0, channel: 1, .. })));
}

#[test]
fn a_transposed_layer_behind_a_repaired_checksum_fails_the_golden_vectors() {
    let (mean, deviation) = (crate::SVector::from([0.0, 0.25, -1.0]), [0.5; 3].into());
    let limits = [crate::policy::ActionLimits { low: -1.0, high: 1.0 }; 2];
    // Of no symmetry, and small enough that no unit saturates.
    let numbers = ramp(Section::Policy).len();
    let policy: Vec<f32> = (0..numbers).map(|i| 0.3 * (0.7 * i as f32).sin()).collect();
    let policy: &'static [f32] = policy.leak();
    let observation = [0.3, -0.2, 0.5];
    let action = Policy::<3, 4, 2>::new(policy, Activation::Tanh, mean, &deviation, 10.0, limits)
        .unwrap()
        .mode(&crate::SVector::from(observation));
    let golden: &'static [f32] = [&observation[..], action.as_slice()].concat().leak();
    let image = build(&metadata(), |c| (c.policy, c.golden) = (policy, golden)).unwrap();
    let check = |bytes: &Bytes| {
        let image = Image::open(bytes.as_slice()).unwrap();
        replay(&image, &image.policy::<3, 4, 2>().unwrap())
    };
    assert_eq!(check(&image), Ok(1));
    // Where the policy's numbers begin: little-endian, input by input.
    let first: Vec<u8> = policy[..2].iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let begin = image.as_slice().windows(8).position(|window| window == first).unwrap();
    // W1 [3, 4], b1 [4], W2 [4, 4], b2 [4], W3 [4, 2].
    for (at, rows, columns) in [(0, 3, 4), (16, 4, 4), (36, 4, 2)] {
        let place = |index: usize| begin + 4 * (at + index);
        let changed = image.with(|bytes| {
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
                let weight = policy[at + row * columns + column].to_le_bytes();
                bytes[place(column * rows + row)..][..4].copy_from_slice(&weight);
            }
        });
        assert!(Image::open(changed.as_slice()).is_err(), "the checksum sees it first");
        assert!(check(&changed.repaired()).is_err(), "layer at {at}");
        // The control: written back, everything is as it was.
        let back = changed.with(|bytes| {
            for index in 0..rows * columns {
                let weight = policy[at + index].to_le_bytes();
                bytes[place(index)..][..4].copy_from_slice(&weight);
            }
        });
        assert_eq!(check(&back.repaired()), Ok(1));
    }
}

#[test]
fn every_single_bit_flip_in_a_region_of_flash_is_refused_and_it_is_the_checksum_that_sees_weights()
{
    let (len, mut region) = (sound().as_slice().len(), sound().as_slice().to_vec());
    region.resize(len + 32, 0xFF);
    let region = Bytes::copy(&region);
    assert!(Image::open_region(region.as_slice()).is_ok());
    for bit in 0..8 * region.as_slice().len() {
        let flipped = region.with(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert!(Image::open_region(flipped.as_slice()).is_err(), "bit {bit}");
    }
    for cut in 0..len {
        // Blank flash where the rest should be.
        let cut = region.with(|bytes| bytes[cut..].fill(0xFF));
        let whole = cut.as_slice()[..len] == region.as_slice()[..len];
        assert_eq!(Image::open_region(cut.as_slice()).is_ok(), whole);
    }
    // The last bit of the last number's mantissa, with the checksum made to hold again: accepted.
    let last = sound().with(|bytes| bytes[len - 4] ^= 1).repaired();
    assert!(Image::open(last.as_slice()).is_ok());
}

/// The hex dump of the specification, written by `tools/image_reference.py`, which shares nothing
/// with this crate.
#[test]
fn the_hex_dump_of_the_specification_is_this_image() {
    let page = include_str!("../../../docs/image-format.md");
    let dump = page.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let (offset, columns) = line.split_once("  ").unwrap();
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len());
        let columns = columns.split('|').next().unwrap();
        bytes.extend(columns.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    let bytes = Bytes::copy(&bytes);
    let image = Image::open(bytes.as_slice()).unwrap();
    // 2 observations, 1 action, 3 hidden units: nothing square. Weights are 1, 2, 3, ... / 8.
    let expected: Vec<f32> = (1..=26).map(|i| i as f32 / 8.0).collect();
    assert_eq!(image.policy_weights(), expected);
    assert_eq!(image.metadata().task, "toy-push");
    assert_eq!(image.metadata().observations[1].name, "speed");
    assert_eq!(image.golden().len(), 1);
    let policy = image.policy::<2, 3, 1>().unwrap();
    assert_eq!(replay(&image, &policy), Ok(1));
    // The same contents written by this crate are the same bytes.
    let golden: Vec<f32> = image.section(Section::Golden).to_vec();
    let contents = Contents {
        architecture: *image.architecture(),
        metadata: image.metadata(),
        policy: &expected,
        model: None,
        golden: &golden,
    };
    let mut words = std::vec![0u32; contents.capacity() / 4];
    let buffer: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let len = write(&contents, buffer).unwrap();
    assert_eq!(&buffer[..len], bytes.as_slice());
}

#[test]
fn a_policy_of_integers_is_read_back_and_a_sum_that_could_overflow_is_refused() {
    use crate::math::integer::{IntegerMlp, Limits, quantise};
    for kind in [WeightType::I8, WeightType::I16] {
        let architecture = Architecture {
            policy_activation: Activation::LeakyRelu,
            policy_weights: kind,
            ..ARCHITECTURE
        };
        let float = ramp(Section::Policy);
        let (params, log_std) = float.split_at(architecture.policy().params());
        let limits = Limits { input: 4.0, hidden: [30.0, 90.0] };
        let mut words = std::vec![0; architecture.policy_words()];
        let activation = Activation::LeakyRelu;
        quantise(architecture.policy(), kind, activation, params, &limits, &mut words).unwrap();
        let mut section: Vec<f32> = bytemuck::cast_slice(&words).to_vec();
        section.extend_from_slice(log_std);
        let section: &'static [f32] = section.leak();
        let bytes = build(&metadata(), |c| {
            c.policy = section;
            c.architecture = architecture;
        })
        .unwrap();
        let image = Image::open(bytes.as_slice()).unwrap();
        assert_eq!(image.policy_integers(), words);
        assert_eq!(image.log_std(), log_std);
        let policy = image.policy::<3, 4, 2>().unwrap();
        let z = crate::SVector::from([0.5, -1.0, 0.25]);
        let network = IntegerMlp::<3, 4, 2>::new(kind, activation, &words).unwrap();
        assert_eq!(policy.network().forward(&z), network.forward(&z));
        // The first bias, behind header, metadata and inverse unit.
        let numbers = 4 * Section::ALL.iter().map(|s| image.section(*s).len()).sum::<usize>();
        let bias = bytes.1 - numbers + 4;
        let large = i32::MAX.to_le_bytes();
        let changed = bytes.with(|b| b[bias..bias + 4].copy_from_slice(&large)).repaired();
        let error = Image::open(changed.as_slice()).map(|_| ()).unwrap_err();
        let cause = crate::math::integer::IntegerError::Overflow { layer: 0, output: 0 };
        assert_eq!(error, ImageError::Integer(cause));
    }
}

#[test]
fn the_head_is_read_back_and_reaches_the_policy() {
    let squash = sound();
    let clip = build(&metadata(), |c| c.architecture.policy_head = Head::Clip).unwrap();
    assert_eq!((squash.as_slice()[47], clip.as_slice()[47]), (0, 1));
    let action = |bytes: &Bytes| {
        let image = Image::open(bytes.as_slice()).unwrap();
        image.policy::<3, 4, 2>().unwrap().mean(&crate::SVector::from([0.5, -1.0, 0.25]))
    };
    assert_eq!(action(&clip).map(libm::tanhf), action(&squash));
    assert_ne!(action(&clip), action(&squash));
}

proptest! {
    #[test]
    fn no_bytes_behind_a_repaired_checksum_can_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let bytes = sound();
        let changed = bytes.with(|bytes| {
            for (index, value) in &edits {
                bytes[index.index(bytes.len())] = *value;
            }
            // Keep what is checked first, so that the edits reach what is checked later.
            bytes[..16].copy_from_slice(&sound().as_slice()[..16]);
        });
        if let Ok(image) = Image::open(changed.repaired().as_slice()) {
            prop_assert!(image.log_std().iter().all(|w| w.is_finite()));
            prop_assert!(image.metadata().observations.iter().all(|s| s.deviation > 0.0 && s.low < s.high));
        }
    }
}
