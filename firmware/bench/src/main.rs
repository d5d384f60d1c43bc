//! Networks of `daa-core`, one function each, on the emulated microcontroller.
//!
//! Each line of standard output is a subject: name, ticks of the clock, the bits of its outputs. With
//! `-icount shift=7`, 21.504 ticks are one instruction. The functions keep their names in the ELF, so
//! that a trace of the instructions can be cut at them.
#![no_std]
#![no_main]

mod support;

use core::hint::black_box;
use cortex_m_rt::entry;
use daa_core::math::{IntegerMlp, WeightType};
use daa_core::{Activation, Mlp, SVector};
use semihosting::process;
use support::{numbers, report, ticks, words};

/// Defines one named function for each network, and a function that measures all of them.
macro_rules! networks {
    ($($function:ident $file:literal $inputs:literal $hidden:literal $outputs:literal $activation:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            #[inline(never)]
            fn $function(
                network: &Mlp<'_, $inputs, $hidden, $outputs>,
                x: &SVector<f32, $inputs>,
                hidden: &mut [[f32; $hidden]; 2],
            ) -> SVector<f32, $outputs> {
                network.forward_in(x, hidden)
            }
        )*

        fn networks(observation: &[f32]) {
            $(
                if let Ok(network) = Mlp::new(numbers!($file), Activation::$activation) {
                    let x = SVector::from_iterator(observation.iter().copied());
                    let mut y = SVector::zeros();
                    let mut hidden = [[0.0; $hidden]; 2];
                    let hidden = black_box(&mut hidden);
                    let ticks = ticks(|| y = $function(black_box(&network), black_box(&x), hidden));
                    report(stringify!($function), ticks, y.as_slice());
                }
            )*
        }
    };
}

networks! {
    forward_f32_5_64_64_1 "5-64-64-1.f32" 5 64 1 Relu
    forward_f32_17_64_64_6 "17-64-64-6.f32" 17 64 6 Relu
    forward_f32_24_64_64_6 "24-64-64-6.f32" 24 64 6 Relu
    forward_f32_24_256_256_6 "24-256-256-6.f32" 24 256 6 Relu
}

/// Defines the same for integer weights.
macro_rules! integers {
    ($run:ident: $($function:ident $file:literal $kind:ident $inputs:literal $hidden:literal $outputs:literal)*) => {
        $(
            #[unsafe(no_mangle)]
            #[inline(never)]
            fn $function(
                network: &IntegerMlp<'_, $inputs, $hidden, $outputs>,
                z: &SVector<f32, $inputs>,
            ) -> SVector<f32, $outputs> {
                // Otherwise the compiler would merge functions of equal code. Costs three instructions.
                black_box(WeightType::$kind);
                network.forward(z)
            }
        )*

        fn $run(observation: &[f32]) {
            $(
                let stream = words(numbers!($file));
                let network = IntegerMlp::new(WeightType::$kind, Activation::Relu, stream);
                if let Ok(network) = network {
                    let z = SVector::from_iterator(observation.iter().copied());
                    let mut y = SVector::zeros();
                    let ticks = ticks(|| y = $function(black_box(&network), black_box(&z)));
                    report(stringify!($function), ticks, y.as_slice());
                }
            )*
        }
    };
}

integers! { integers:
    forward_i8_5_64_64_1 "5-64-64-1.i8" I8 5 64 1
    forward_i8_17_64_64_6 "17-64-64-6.i8" I8 17 64 6
    forward_i8_24_64_64_6 "24-64-64-6.i8" I8 24 64 6
    forward_i8_24_256_256_6 "24-256-256-6.i8" I8 24 256 6
    forward_i16_5_64_64_1 "5-64-64-1.i16" I16 5 64 1
    forward_i16_17_64_64_6 "17-64-64-6.i16" I16 17 64 6
    forward_i16_24_64_64_6 "24-64-64-6.i16" I16 24 64 6
    forward_i16_24_256_256_6 "24-256-256-6.i16" I16 24 256 6
}

// A policy of the paper's width. Without assembly the measurement would exceed the clock's range.
#[cfg(feature = "asm")]
integers! { wide: forward_i8_17_512_512_6 "17-512-512-6.i8" I8 17 512 6 }

/// The forward pass as a policy calls it, without the caller's room.
#[unsafe(no_mangle)]
#[inline(never)]
fn policy_f32_17_64_64_6(network: &Mlp<'_, 17, 64, 6>, x: &SVector<f32, 17>) -> SVector<f32, 6> {
    network.forward(x)
}

/// The same with leaky ReLU, the activation of the paper's released code.
#[unsafe(no_mangle)]
#[inline(never)]
fn leaky_f32_17_64_64_6(network: &Mlp<'_, 17, 64, 6>, x: &SVector<f32, 17>) -> SVector<f32, 6> {
    // Otherwise the compiler would merge functions of equal code. Costs one or two instructions.
    black_box(Activation::LeakyRelu);
    network.forward(x)
}

fn as_in_a_policy(observation: &[f32]) {
    type Subject = fn(&Mlp<'_, 17, 64, 6>, &SVector<f32, 17>) -> SVector<f32, 6>;
    let subjects: [(Subject, &str, Activation); 2] = [
        (policy_f32_17_64_64_6, "policy_f32_17_64_64_6", Activation::Relu),
        (leaky_f32_17_64_64_6, "leaky_f32_17_64_64_6", Activation::LeakyRelu),
    ];
    for (subject, name, activation) in subjects {
        if let Ok(network) = Mlp::new(numbers!("17-64-64-6.f32"), activation) {
            let x = SVector::from_iterator(observation.iter().copied());
            let mut y = SVector::zeros();
            let ticks = ticks(|| y = subject(black_box(&network), black_box(&x)));
            report(name, ticks, y.as_slice());
        }
    }
}

#[entry]
fn main() -> ! {
    support::start();
    let observation = numbers!("observation.f32");
    networks(observation);
    as_in_a_policy(observation);
    integers(observation);
    #[cfg(feature = "asm")]
    wide(observation);
    process::exit(0)
}
