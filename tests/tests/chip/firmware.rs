//! The kernel on the chip against the kernel here, and the image's checks on the chip itself.

use tests::chip::emulator;
use tests::{Outcome, chip_cargo, root, run, succeed};

use crate::parity;

/// What the firmware's self-test says in the emulator.
fn selftest() -> String {
    let firmware = root().join("firmware");
    let mut build = chip_cargo(&firmware);
    build.args(["build", "--quiet", "--release", "--bin", "selftest"]);
    let _ = succeed(build.args(["--no-default-features", "--features", "emulator"]));
    let elf = firmware.join("target/thumbv7em-none-eabihf/release/selftest");
    // What the chip writes through semihosting, its flash, lands in the folder that QEMU runs in.
    let folder = tempfile::tempdir().unwrap();
    let Outcome { code, stderr: text, .. } = run(&mut emulator(folder.path(), &elf));
    assert_eq!(code, 0, "{text}");
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

/// What of chip, verification and log is not as it must be.
fn careless(text: &str) -> Vec<&'static str> {
    let set = |key: &str, value: &str| {
        text.lines().any(|line| {
            let line = line.split('#').next().unwrap_or_default();
            // `key = value`, and those of a table inside the line: whole keys, `preverify` is another.
            line.split(['[', '{', ',', '}', ']'])
                .filter_map(|pair| pair.split_once('='))
                .any(|(name, set)| (name.trim(), set.trim()) == (key, value))
        })
    };
    let wanted = [("chip", "\"STM32F405RGTx\""), ("verify", "true"), ("mode", "\"NoBlockSkip\"")];
    wanted.into_iter().filter(|(key, value)| !set(key, value)).map(|(key, _)| key).collect()
}

#[test]
fn flashing_verifies_and_logging_never_blocks() {
    let text = std::fs::read_to_string(root().join("firmware/Embed.toml")).unwrap();
    assert!(careless(&text).is_empty(), "{:?}", careless(&text));
    for (right, wrong, found) in [
        ("verify = true", "verify = false", "verify"),
        ("verify = true", "preverify = true", "verify"),
        ("verify = true", "# verify = true", "verify"),
        ("\"NoBlockSkip\"", "\"BlockIfFull\"", "mode"),
        ("STM32F405RGTx", "STM32F103C8", "chip"),
    ] {
        let planted = text.replacen(right, wrong, 1);
        assert_ne!(planted, text, "{right} is there to be spoiled");
        assert_eq!(careless(&planted), [found], "{wrong}");
    }
}

/// What `cargo embed` (probe-rs) reads in each part of its configuration.
const EMBED_KEYS: [(&str, &[&str]); 6] = [
    ("general", &["chip", "chip_descriptions", "log_level", "derives", "connect_under_reset"]),
    (
        "flashing",
        &[
            "enabled",
            "restore_unwritten_bytes",
            "flash_layout_output_path",
            "do_chip_erase",
            "disable_double_buffering",
            "preverify",
            "verify",
        ],
    ),
    ("reset", &["enabled", "halt_afterwards"]),
    (
        "rtt",
        &[
            "enabled",
            "up_mode",
            "up_channels",
            "down_channels",
            "tabs",
            "timeout",
            "log_enabled",
            "log_path",
            // Of a channel, where cargo embed itself overlooks what it does not know.
            "channel",
            "mode",
            "format",
            "show_location",
            "show_timestamps",
            "log_format",
            "socket",
        ],
    ),
    ("gdb", &["enabled", "gdb_connection_string"]),
    ("probe", &["usb_vid", "usb_pid", "serial", "protocol", "speed"]),
];

/// Keys and parts that `cargo embed` would refuse.
fn unknown_keys(text: &str) -> Vec<String> {
    let (mut part, mut unknown) = (String::new(), Vec::new());
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            part = name.strip_prefix("default.").unwrap_or(name).to_owned();
            continue;
        }
        let known =
            EMBED_KEYS.iter().find(|(name, _)| *name == part).map_or(&[][..], |(_, keys)| keys);
        // `key = value`, and those of a table inside the line.
        for key in line.split(['[', '{', ',', '}', ']']).filter_map(|part| part.split_once('=')) {
            if !known.contains(&key.0.trim()) {
                unknown.push(format!("{part}.{}", key.0.trim()));
            }
        }
    }
    unknown
}

#[test]
fn cargo_embed_knows_every_key() {
    let text = std::fs::read_to_string(root().join("firmware/Embed.toml")).unwrap();
    assert!(unknown_keys(&text).is_empty(), "{:?}", unknown_keys(&text));
    for (right, wrong, found) in [
        ("verify = true", "verfy = true", "flashing.verfy"),
        ("[default.rtt]", "[default.rrt]", "rrt.enabled"),
        ("mode = ", "mood = ", "rtt.mood"),
        ("chip = ", "enabled = ", "general.enabled"),
    ] {
        let planted = text.replacen(right, wrong, 1);
        assert_ne!(planted, text, "{right} is there to be spoiled");
        assert!(unknown_keys(&planted).contains(&found.to_owned()), "{wrong}");
    }
}

#[test]
fn the_logger_of_the_board_is_compiled_without_its_blocking_mode() {
    let text = std::fs::read_to_string(root().join("firmware/Cargo.toml")).unwrap();
    let logger = text.lines().find(|line| line.starts_with("defmt-rtt ")).unwrap();
    assert!(logger.contains("\"disable-blocking-mode\""), "{logger}");
}
