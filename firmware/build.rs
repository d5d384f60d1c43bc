//! Reads and checks the policy image, and writes it as a constant and a flash section.
//!
//! The image is the file that `POLICY` names, or the last exported image, or an untrained image that is
//! generated here. An invalid image stops the build with the error message of `daa-core`.

#[path = "build/untrained.rs"]
mod untrained;

use daa_core::image::{Image, Section};
use daa_core::math::WeightType;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The trainer copies each exported image to this path, relative to this package.
const LAST_EXPORTED: &str = "../runs/latest.daa";
/// Bytes of a slot without its records, as in `memory.x`.
const SLOT_LEN: usize = 384 * 1024 - 256;

fn main() {
    // Not in `.cargo/config.toml`, where a user's RUSTFLAGS would replace these flags.
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-env-changed=POLICY");
    if let Err(message) = generate() {
        println!("cargo::error={message}");
    }
}

fn generate() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: run cargo")?);
    let save = |name: &str, contents: &[u8]| {
        fs::write(out.join(name), contents)
            .map_err(|error| format!("{}: {error}", out.join(name).display()))
    };
    save("memory.x", &fs::read("memory.x").map_err(|error| format!("memory.x: {error}"))?)?;
    println!("cargo::rustc-link-search={}", out.display());

    let (origin, bytes) = image()?;
    let refused = |message: &dyn std::fmt::Display| format!("policy image {origin}: {message}");
    // Weights are read in place, as floats: the bytes must be aligned, which a Vec<u8> is not.
    let mut words = vec![0u32; bytes.len().div_ceil(4)];
    let aligned: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut words)[..bytes.len()];
    aligned.copy_from_slice(&bytes);
    let image = Image::open(aligned).map_err(|error| refused(&error))?;
    if bytes.len() > SLOT_LEN {
        return Err(refused(&too_large(&image)));
    }

    save("policy.daa", &bytes)?;
    // The output of `Debug` is Rust code when the variants of the enums are in scope.
    let architecture = format!(
        "{{ use daa_core::{{Activation::*, model::TransitionTarget::*, math::WeightType::*, policy::Head::*}}; {:?} }}",
        image.architecture()
    );
    save("architecture.in", architecture.as_bytes())
}

/// The error message for an image that is too large, with the remedy.
fn too_large(image: &Image<'_>) -> String {
    let bytes = |sections: &[Section]| -> usize {
        sections.iter().map(|section| 4 * image.section(*section).len()).sum()
    };
    let policy = bytes(&[Section::Policy]);
    let model = bytes(&[Section::Transition, Section::Reward, Section::Critic]);
    let small = image.architecture().policy_weights == WeightType::I8;
    let help = match (model > 0, small) {
        (true, _) if image.total_len() - model <= SLOT_LEN => "export it with --policy-only",
        (true, false) => "export it with --policy-only --dtype i8",
        (false, false) => "export it with --dtype i8",
        (_, true) => "train a policy with fewer hidden units",
    };
    format!(
        "{} bytes (policy {policy}; dynamics, reward and critic {model}) are more than the flash slot of \
         {SLOT_LEN}: {help}",
        image.total_len()
    )
}

/// The origin and the bytes of the image.
fn image() -> Result<(String, Vec<u8>), String> {
    let named = env::var_os("POLICY").filter(|name| !name.is_empty());
    let path = match &named {
        Some(name) => find(Path::new(name))?,
        None => {
            // While the file is missing, cargo runs this script in every build.
            println!("cargo::rerun-if-changed={LAST_EXPORTED}");
            PathBuf::from(LAST_EXPORTED)
        }
    };
    println!("cargo::rerun-if-changed={}", path.display());
    match fs::read(&path) {
        Ok(bytes) => Ok((path.display().to_string(), bytes)),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
            println!("cargo::warning=no policy was exported yet: building with an untrained one");
            let bytes = untrained::image().map_err(|error| format!("untrained image: {error}"))?;
            Ok(("(untrained)".into(), bytes))
        }
        Err(error) => Err(format!("policy image {}: {error}", path.display())),
    }
}

/// `POLICY` as a path: absolute, or relative to the caller's folder, this package or the repository.
fn find(name: &Path) -> Result<PathBuf, String> {
    println!("cargo::rerun-if-env-changed=PWD");
    let caller = env::var_os("PWD").map(PathBuf::from).unwrap_or_default();
    [caller, PathBuf::new(), PathBuf::from("..")]
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            format!(
                "POLICY names {}, and there is no such file: give an absolute path",
                name.display()
            )
        })
}
