//! Self-test on the emulated machine, with results as text on standard error.
//!
//! 1. `parity`: the kernel's loops agree in bits; prints their hash (see [`firmware::parity`]).
//! 2. `image`: every single-bit flip and every truncation of an image is refused.
//! 3. `network`: instructions of whole networks; needs `-icount shift=7`.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use daa_core::image::{
    ActionSignal, Architecture, Contents, Image, ImageError, Metadata, ObservationSignal,
    Provenance, write,
};
use daa_core::math::WeightType;
use daa_core::model::TransitionTarget;
use daa_core::policy::Head;
use daa_core::update::{RECORD_BYTES, Slot};
use daa_core::{Activation, Mlp, SVector};
use firmware::failure::Exit;
use firmware::machine::{Machine, ticks, ticks_since};
use firmware::{flash, parity, stack};
use semihosting::eprintln;

#[entry]
fn main() -> ! {
    let mut machine = Machine::start(|_| None);
    let passed = kernel() && refusals();
    network::<5, 64, 1>();
    network::<17, 64, 6>();
    network::<24, 64, 6>();
    eprintln!("stack: {} bytes", stack::high_water());
    machine.halt(if passed { Exit::Done } else { Exit::SelfTest })
}

#[inline(never)]
fn kernel() -> bool {
    match parity::run() {
        Ok(parity) => {
            eprintln!("parity: {:016x} over {} layers", parity.hash, parity.layers);
            true
        }
        Err(parity::Mismatch { inputs, outputs }) => {
            eprintln!("FAILED: the loops differ for {inputs} inputs and {outputs} outputs");
            false
        }
    }
}

/// A buffer for the small image, aligned like flash.
#[repr(C, align(4))]
struct Buffer([u8; 1024]);

#[inline(never)]
fn refusals() -> bool {
    let mut buffer = Buffer([0; 1024]);
    let len = match small_image(&mut buffer.0) {
        Ok(len) => len,
        Err(error) => {
            eprintln!("FAILED: the small image cannot be written: {error}");
            return false;
        }
    };
    let (mut flips, mut checksum) = (0u32, 0u32);
    for bit in 0..8 * len {
        buffer.0[bit / 8] ^= 1 << (bit % 8);
        match Image::open(&buffer.0[..len]) {
            Ok(_) => {
                eprintln!("FAILED: bit {bit} was flipped and the image was accepted");
                return false;
            }
            Err(ImageError::Checksum { .. }) => checksum += 1,
            Err(_) => {}
        }
        buffer.0[bit / 8] ^= 1 << (bit % 8);
        flips += 1;
    }
    eprintln!("image: {flips} single-bit flips of {len} bytes refused, {checksum} by the CRC");
    let slot = flash::bytes(Slot::A).get(RECORD_BYTES..).unwrap_or(&[]);
    let flashed = match Image::open_region(slot) {
        Ok(image) => image.total_len(),
        Err(error) => {
            eprintln!("FAILED: the image in flash: {error}");
            return false;
        }
    };
    every_truncation(&buffer.0[..len]) && every_truncation(&slot[..flashed])
}

fn every_truncation(image: &[u8]) -> bool {
    if Image::open(image).is_err() {
        eprintln!("FAILED: a sound image of {} bytes is refused", image.len());
        return false;
    }
    if let Some(len) = (0..image.len()).find(|len| Image::open(&image[..*len]).is_ok()) {
        eprintln!("FAILED: an image cut to {len} of {} bytes is accepted", image.len());
        return false;
    }
    eprintln!("image: {} truncations refused", image.len());
    true
}

/// Writes an image with two observations, one action, no square layer and one golden vector.
fn small_image(buffer: &mut [u8]) -> Result<usize, ImageError> {
    let architecture = Architecture {
        observations: 2,
        actions: 1,
        policy_hidden: 5,
        transition_hidden: 0,
        reward_hidden: 0,
        critic_hidden: 0,
        policy_activation: Activation::Relu,
        model_activation: Activation::Relu,
        critic_activation: Activation::Relu,
        transition_target: TransitionTarget::Next,
        policy_weights: WeightType::F32,
        policy_head: Head::Squash,
    };
    let signal = |name| ObservationSignal {
        name,
        unit: "m",
        low: -1.0,
        high: 1.0,
        mean: 0.0,
        deviation: 0.5,
    };
    let metadata = Metadata {
        task: "self-test",
        control_period_us: 40_000,
        observation_clip: 10.0,
        gamma: 0.99,
        lambda: 0.95,
        reward_scale: 1.0,
        observations: [signal("near"), signal("far")].into_iter().collect(),
        actions: [ActionSignal { name: "force", unit: "N", low: -1.0, high: 1.0 }]
            .into_iter()
            .collect(),
        provenance: Provenance {
            commit: "",
            preset: "self-test",
            seed: 0,
            decisions: 0,
            evaluation: None,
        },
    };
    let (policy, golden) = (numbers::<{ Mlp::<2, 5, 1>::PARAMS + 1 }>(), numbers::<3>());
    write(
        &Contents {
            architecture,
            metadata: &metadata,
            policy: &policy,
            model: None,
            golden: &golden,
        },
        buffer,
    )
}

/// Numbers in -0.5..0.5, at compile time.
const fn numbers<const N: usize>() -> [f32; N] {
    let mut numbers = [0.0; N];
    let mut state = 1u32;
    let mut i = 0;
    while i < N {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        numbers[i] = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
        i += 1;
    }
    numbers
}

/// The largest of the measured networks has 24 inputs, 64 hidden units and 6 outputs.
static WEIGHTS: [f32; Mlp::<24, 64, 6>::PARAMS] = numbers();

fn network<const IN: usize, const HIDDEN: usize, const OUT: usize>() {
    let weights = &black_box(&WEIGHTS)[..Mlp::<IN, HIDDEN, OUT>::PARAMS];
    let Ok(mlp) = Mlp::<IN, HIDDEN, OUT>::new(weights, Activation::LeakyRelu) else { return };
    let x = SVector::from(numbers::<IN>());
    let begin = ticks();
    let empty = ticks_since(begin);
    let begin = ticks();
    black_box(mlp.forward(black_box(&x)));
    let ticks = u64::from(ticks_since(begin) - empty);
    // One instruction is 21.504 ticks.
    let instructions = (ticks * 1000 + 10_752) / 21_504;
    let macs = Mlp::<IN, HIDDEN, OUT>::SHAPE.multiply_adds() as u64;
    let hundredths = (100 * instructions + macs / 2) / macs;
    eprintln!(
        "network: {IN}-{HIDDEN}-{HIDDEN}-{OUT} {macs} multiply-adds, {instructions} instructions, {}.{:02} each",
        hundredths / 100,
        hundredths % 100
    );
}
