//! The measured networks as microflow's macro makes them of TensorFlow Lite models.
#![no_std]
#![no_main]

#[allow(unused_imports, unused_macros, reason = "these numbers come with the models")]
#[path = "../../src/support.rs"]
mod support;

use core::hint::black_box;
use cortex_m_rt::entry;
use microflow::model;
use nalgebra::SMatrix;
use semihosting::process;
use support::{report, ticks};

/// The same numbers as for every subject.
static OBSERVATION: support::Numbers<96> =
    support::Numbers(*include_bytes!("../../../../.deps/bench/observation.f32"));

macro_rules! networks {
    ($($name:ident $function:ident $file:literal $inputs:literal $outputs:literal)*) => {
        $(
            #[model($file)]
            struct $name;

            #[unsafe(no_mangle)]
            #[inline(never)]
            fn $function(x: &SMatrix<f32, 1, $inputs>) -> SMatrix<f32, 1, $outputs> {
                $name::predict(*x)
            }
        )*

        fn networks(observation: &[f32]) {
            $(
                let x = SMatrix::<f32, 1, $inputs>::from_iterator(observation.iter().copied());
                let mut y = SMatrix::zeros();
                let spent = ticks(|| y = $function(black_box(&x)));
                report(stringify!($function), spent, y.as_slice());
            )*
        }
    };
}

networks! {
    Small microflow_5_64_64_1 "../../../.deps/bench/5-64-64-1.tflite" 5 1
    Cheetah microflow_17_64_64_6 "../../../.deps/bench/17-64-64-6.tflite" 17 6
    Walker microflow_24_64_64_6 "../../../.deps/bench/24-64-64-6.tflite" 24 6
    Wide microflow_24_256_256_6 "../../../.deps/bench/24-256-256-6.tflite" 24 6
}

#[entry]
fn main() -> ! {
    support::start();
    networks(support::floats(&OBSERVATION.0));
    process::exit(0)
}
