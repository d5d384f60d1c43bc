//! The kernel on the chip against the kernel here, and the image's checks on the chip itself.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use tests::root;

#[path = "../../firmware/src/parity.rs"]
pub mod parity;

/// What the firmware's self-test says in the emulator.
fn selftest() -> String {
    let firmware = root().join("firmware");
    let mut build = Command::new("cargo");
    // What the outer cargo or the user set for other programs is not meant for the chip.
    for name in
        ["RUSTC", "RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS"]
    {
        build.env_remove(name);
    }
    let features = ["--no-default-features", "--features", "emulator"];
    build.args(["build", "--quiet", "--release", "--bin", "selftest"]).args(features);
    let output = build.current_dir(&firmware).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let elf = firmware.join("target/thumbv7em-none-eabihf/release/selftest");
    let output = Command::new("qemu-system-arm")
        .args(["-M", "netduinoplus2", "-nographic", "-monitor", "none", "-serial", "null"])
        .args(["-icount", "shift=7", "-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(elf)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    text
}

#[test]
fn the_chip_computes_the_bits_that_this_machine_computes_and_refuses_damaged_images() {
    let text = selftest();
    let here = parity::run().unwrap_or_else(|m| {
        panic!("the loops differ for {} inputs, {} outputs", m.inputs, m.outputs)
    });
    let expected = format!("parity: {:016x} over {} layers", here.hash, here.layers);
    assert!(text.contains(&expected), "no {expected:?} in {text}");
    assert!(
        text.lines().any(|line| line.starts_with("image: ") && line.contains("refused")),
        "{text}"
    );
}

#[test]
fn flashing_verifies_and_logging_never_blocks() {
    let text = std::fs::read_to_string(root().join("firmware/Embed.toml")).unwrap();
    let set = |key: &str, value: &str| {
        text.lines().any(|line| {
            let line: String =
                line.split('#').next().unwrap_or_default().split_whitespace().collect();
            line.contains(&format!("{key}={value}"))
        })
    };
    assert!(set("chip", "\"STM32F405RGTx\""), "{text}");
    assert!(set("verify", "true"), "{text}");
    assert!(set("mode", "\"NoBlockSkip\""), "{text}");
}
