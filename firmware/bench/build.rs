//! Writes the weights and observations that are measured, as constants of the program.

include!("networks.rs");

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
    }
    save(&out.join("observation.f32"), &observation(24))
}

fn save(path: &Path, numbers: &[f32]) -> io::Result<()> {
    fs::write(path, numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}
