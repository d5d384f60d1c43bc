//! Writes the weights and observations of the benchmarks as constants of the program.

include!("networks.rs");

use daa_core::math::WeightType;
use daa_core::math::integer::{Limits, network_words, quantise};
use daa_core::{Activation, DynMlp, MlpShape};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=networks.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    println!("cargo::rustc-link-search={}", out.display());
    fs::copy("memory.x", out.join("memory.x"))?;
    for network in NETWORKS {
        save(&out.join(format!("{}.f32", name(network))), &weights(network))?;
        for (kind, ending) in [(WeightType::I8, "i8"), (WeightType::I16, "i16")] {
            let words = integers(network, kind)?;
            save(&out.join(format!("{}.{ending}", name(network))), bytemuck::cast_slice(&words))?;
        }
    }
    save(
        &out.join(format!("{}.i8", name(WIDE))),
        bytemuck::cast_slice(&integers(WIDE, WeightType::I8)?),
    )?;
    // Enough weights for the policy and the model of every task of the suite.
    save(&out.join("pool.f32"), &weights((90, 64, 78)))?;
    save(&out.join("observation.f32"), &observation(24))
}

fn save(path: &Path, numbers: &[f32]) -> io::Result<()> {
    fs::write(path, bytemuck::cast_slice(numbers))
}

/// Returns the words of an integer network whose limits are the largest values for the benchmark's observation.
fn integers(network: (usize, usize, usize), kind: WeightType) -> io::Result<Vec<u32>> {
    let (inputs, hidden, outputs) = network;
    let (shape, weights) = (MlpShape::new(inputs, hidden, outputs), weights(network));
    let float = DynMlp::new(shape, &weights, Activation::Relu).map_err(io::Error::other)?;
    let (mut scratch, mut y) = (vec![0.0; 2 * hidden], vec![0.0; outputs]);
    let z = &observation(24)[..inputs];
    float.forward(z, &mut scratch, &mut y);
    let largest = |values: &[f32]| values.iter().fold(0f32, |most, value| most.max(value.abs()));
    let (first, second) = scratch.split_at(hidden);
    let limits = Limits { input: largest(z), hidden: [largest(first), largest(second)] };
    let mut words = vec![0; network_words(kind, shape)];
    quantise(shape, kind, Activation::Relu, &weights, &limits, &mut words)
        .map_err(io::Error::other)?;
    Ok(words)
}
