//! Exported policies, evaluated by other programs and by a compiled C header, compared with `core`.

use daa_core::image::Image;
use std::path::Path;
use std::process::Command;
use tests::foreign::Tensors;
use tests::{
    Aligned, actions, host_trainer, largest_difference, read_floats, reference_python, refuse,
    small_image, succeed, write_floats,
};

/// Number of observations for which a policy's actions are compared.
const ROWS: usize = 1000;

/// Largest difference between two implementations. They sum in other orders, fuse products with sums and have
/// another tanh: a few units in the last place of numbers up to 10 (the normaliser's clip), through three layers.
/// Measured: below 2e-6.
const TOLERANCE: f32 = 2e-5;

/// Observations within the ranges of the image, at their ends, and far outside, where the normaliser must clip.
fn observations(image: &Image<'_>) -> Vec<f32> {
    let mut state = 1u64;
    let mut uniform = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 24) as f32
    };
    let mut rows = Vec::new();
    for row in 0..ROWS {
        for signal in &image.metadata().observations {
            rows.push(match row % 10 {
                0 => signal.low + (signal.high - signal.low) * uniform(),
                1 => [signal.low, signal.high, 0.0, -0.0, 1e-40][(uniform() * 5.0) as usize],
                2 => [1e6, -1e6, 1e30, -1e30, f32::MAX, f32::MIN][(uniform() * 6.0) as usize],
                _ => signal.mean + signal.deviation * 6.0 * (uniform() - 0.5),
            });
        }
    }
    rows
}

/// The image with one number of its metadata replaced, and a valid checksum.
fn with_other(image: &Aligned, from: f32, to: f32) -> Aligned {
    let mut image = image.clone();
    let bytes = image.bytes_mut();
    let at = bytes.windows(4).position(|window| window == from.to_le_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
    image.repair_checksum();
    image
}

/// The actions that Python computes with the policy of `image`, exported in a format; none where these comparisons
/// are left out.
fn python(format: &str, image: &Path, observations: &[f32]) -> Option<Vec<f32>> {
    let mut python = reference_python()?;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let mut export = host_trainer(folder.path());
    let _ = succeed(export.arg("export").arg(image).args([&format!("--{format}"), "policy"]));
    write_floats(&file("observations"), observations);
    python.arg(tests::root().join("tools/exported_policy.py")).arg(format);
    let _ = succeed(python.args(["policy", "observations", "actions"]).current_dir(folder.path()));
    Some(read_floats(&file("actions")))
}

#[test]
fn other_programs_compute_the_same_actions_from_the_exported_policy() {
    let bytes = Aligned::read(small_image());
    let image = Image::open(bytes.bytes()).unwrap();
    let rows = observations(&image);
    let ours = actions(&image, &rows);
    // The actions vary: a constant policy would agree too easily.
    assert!(largest_difference(&ours, &vec![ours[0]; ours.len()]) > 0.5);
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.daa");
    let deviation = image.metadata().observations[1].deviation;
    for format in ["onnx", "safetensors"] {
        let Some(theirs) = python(format, small_image(), &rows) else { return };
        let largest = largest_difference(&ours, &theirs);
        println!("{format}: largest difference {largest:e}");
        assert!(largest < TOLERANCE, "{format}: {largest}");
        // Negative control: another normaliser gives other actions.
        std::fs::write(&other, with_other(&bytes, deviation, 1.05 * deviation).bytes()).unwrap();
        let theirs = python(format, &other, &rows).unwrap();
        assert!(largest_difference(&ours, &theirs) > 10.0 * TOLERANCE, "{format}");
    }
}

/// The actions that a C program computes with the header of `image`, and what it reports of the golden vectors.
fn compiled(image: &Path, observations: &[f32]) -> (Vec<f32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let _ = succeed(
        host_trainer(folder.path()).arg("export").arg(image).args(["--c-header", "policy.h"]),
    );
    std::fs::write(
        folder.path().join("main.c"),
        r#"#define POLICY_GOLDEN
#include "policy.h"
#include <stdio.h>
int main(void)
{
    float x[POLICY_OBSERVATIONS], u[POLICY_ACTIONS], largest = 0.0f;
    while (fread(x, sizeof x, 1, stdin) == 1) {
        policy_act(x, u);
        fwrite(u, sizeof u, 1, stdout);
    }
    for (int g = 0; g < POLICY_GOLDEN_COUNT; g++) {
        policy_act(policy_golden_observation + g * POLICY_OBSERVATIONS, u);
        for (int a = 0; a < POLICY_ACTIONS; a++)
            largest = fmaxf(largest, fabsf(u[a] - policy_golden_action[g * POLICY_ACTIONS + a]));
    }
    fprintf(stderr, "%d golden, %s", POLICY_GOLDEN_COUNT, largest < 1e-6f ? "equal" : "different");
    return 0;
}
"#,
    )
    .unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]);
    let _ = succeed(cc.args(["-o", "act", "main.c", "-lm"]).current_dir(folder.path()));
    write_floats(&folder.path().join("observations"), observations);
    let input = std::fs::File::open(folder.path().join("observations")).unwrap();
    let output = Command::new(folder.path().join("act")).stdin(input).output().unwrap();
    let actions = output.stdout.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (actions, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_c_program_computes_the_same_actions_from_the_header() {
    let bytes = Aligned::read(small_image());
    let image = Image::open(bytes.bytes()).unwrap();
    let rows = observations(&image);
    let ours = actions(&image, &rows);
    let (theirs, golden) = compiled(small_image(), &rows);
    let largest = largest_difference(&ours, &theirs);
    println!("C: largest difference {largest:e}");
    // The tanhf of Rust's libm and that of the C library round differently; all else is equal in bits.
    assert!(largest <= f32::EPSILON, "{largest}");
    assert_eq!(golden, format!("{} golden, equal", image.golden().len()));
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.daa");
    let mean = image.metadata().observations[1].mean;
    std::fs::write(&other, with_other(&bytes, mean, mean + 0.05).bytes()).unwrap();
    let (theirs, golden) = compiled(&other, &rows);
    assert!(largest_difference(&ours, &theirs) > 1e-3);
    assert!(golden.ends_with("different"), "{golden}");
}

#[test]
fn without_a_tanh_a_c_program_computes_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("sb3.safetensors"), Tensors::sb3(5, &[20, 12], 1).bytes()).unwrap();
    let mut import = host_trainer(folder.path());
    import.args([
        "import",
        "sb3.safetensors",
        "--task",
        "cartpole-swingup",
        "--activation",
        "relu",
    ]);
    let _ = succeed(&mut import);
    let bytes = Aligned::read(&file("sb3.daa"));
    let image = Image::open(bytes.bytes()).unwrap();
    let rows = observations(&image);
    let ours = actions(&image, &rows);
    assert!(largest_difference(&ours, &vec![ours[0]; ours.len()]) > 0.5);
    let (theirs, _) = compiled(&file("sb3.daa"), &rows);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&ours), bits(&theirs));
}

#[test]
fn an_impossible_export_is_refused_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let image = small_image().to_str().unwrap();
    std::fs::write(folder.path().join("text.daa"), "not an image at all").unwrap();
    let cases: [(&[&str], &[&str]); 8] = [
        (&[image], &["is an image already", "--onnx"]),
        (&[image, "--onnx", "x", "-o", "y"], &["--output", "for runs"]),
        (&[image, "--onnx", "x", "--seed", "1"], &["--seed", "for runs"]),
        (&[image, "--onnx", "x", "--dtype", "i8"], &["--dtype", "for runs"]),
        (&[image, "--onnx", "x", "--policy-only"], &["--policy-only", "for runs"]),
        (&["text.daa", "--onnx", "x"], &["text.daa", "not a policy image"]),
        (&["none", "--onnx", "x"], &["none"]),
        (&[image, "--onnx", "no/folder/x"], &["no/folder"]),
    ];
    for (arguments, words) in cases {
        refuse(host_trainer(folder.path()).arg("export").args(arguments), words);
        assert!(!folder.path().join("x").exists());
    }
}
