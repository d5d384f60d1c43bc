//! The kernels on the emulated chip, in Rust and in assembly: the bits of this machine, and exactly as
//! many instructions as `firmware/bench/instructions.csv` says.

use std::collections::BTreeMap;
use std::process::Command;
use tests::chip::emulator;
use tests::{chip_cargo, root, succeed};

use crate::parity;

/// Features of the builds: plain Rust, assembly with VMLA, assembly with VMUL and VADD.
const BUILDS: [&str; 3] = ["", "asm", "asm-vmul"];

/// With `-icount shift=7` an instruction takes 128 ns, and the clock counts at 168 MHz.
const TICKS_PER_INSTRUCTION: f64 = 21.504;

/// What a program of this build prints in the emulator.
fn output(features: &str, program: &str) -> String {
    let folder = root().join("firmware/bench");
    let mut build = chip_cargo(&folder);
    build.args(["build", "--quiet", "--release", "--bin", program, "--features", features]);
    let _ = succeed(build.args(["--target-dir", "target"]));
    let elf = folder.join("target/thumbv7em-none-eabihf/release").join(program);
    succeed(&mut emulator(&folder, &elf))
}

/// Instructions by build and function.
type Counts = BTreeMap<(String, String), u64>;

fn measured(features: &str, text: &str) -> Counts {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap().to_owned();
        let ticks: f64 = words.next().unwrap().parse().unwrap();
        ((features.to_owned(), name), (ticks / TICKS_PER_INSTRUCTION).round() as u64)
    };
    text.lines().map(entry).collect()
}

/// The part of the golden file that is about this compiler: another one makes other instructions of
/// the same Rust.
fn golden(text: &str, compiler: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines().skip(1) {
        let [of, features, name, instructions] =
            line.split(',').collect::<Vec<_>>().try_into().unwrap();
        if of == compiler {
            let key = (features.to_owned(), name.to_owned());
            counts.insert(key, instructions.parse().unwrap());
        }
    }
    counts
}

/// `1.95.0`, of the compiler that builds for the chip.
fn compiler() -> String {
    let rustc = root().join(".deps/toolchain/rustc");
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().nth(1).unwrap().to_owned()
}

/// No compiler may make more of a 17-64-64-6 than this.
const AT_MOST: [(&str, &str, u64); 7] = [
    ("", "forward_f32_17_64_64_6", 13_600),
    ("", "policy_f32_17_64_64_6", 13_600),
    ("asm", "forward_f32_17_64_64_6", 8_000),
    ("asm", "policy_f32_17_64_64_6", 8_000),
    ("asm-vmul", "forward_f32_17_64_64_6", 13_200),
    ("asm", "forward_i8_17_64_64_6", 8_700),
    ("asm", "forward_i16_17_64_64_6", 6_100),
];

// One test, because the builds share a folder.
#[test]
fn every_build_gives_the_bits_of_this_machine_in_the_golden_number_of_instructions() {
    let here = parity::run().unwrap_or_else(|m| {
        panic!("the loops differ for {} inputs, {} outputs", m.inputs, m.outputs)
    });
    let expected = format!("parity: {:016x} over {} layers", here.hash, here.layers);
    let mut counts = Counts::new();
    let mut outputs = BTreeMap::new();
    for features in BUILDS {
        let parity = output(features, "parity");
        assert!(parity.contains(&expected), "{features}: no {expected:?} in {parity}");
        let text = output(features, "bench-mcu");
        for line in text.lines() {
            let (name, rest) = line.split_once(' ').unwrap();
            let (_, bits) = rest.split_once(' ').unwrap();
            let first = outputs.entry(name.to_owned()).or_insert(bits.to_owned());
            assert_eq!(first, bits, "{name} with {features:?}");
        }
        counts.append(&mut measured(features, &text));
        counts.append(&mut measured(features, &output(features, "tick")));
    }
    for (features, name, most) in AT_MOST {
        let found = counts[&(features.to_owned(), name.to_owned())];
        assert!(found <= most, "{name} with {features:?}: {found} instructions");
    }
    let compiler = compiler();
    let text = std::fs::read_to_string(root().join("firmware/bench/instructions.csv")).unwrap();
    let golden = golden(&text, &compiler);
    if golden.is_empty() {
        println!("rustc {compiler} is not in instructions.csv: only the limits were checked");
    } else if golden != counts {
        let lines = counts.iter().map(|((f, name), n)| format!("{compiler},{f},{name},{n}\n"));
        panic!(
            "not the instructions of instructions.csv; if this is meant, it wants:\n{}",
            lines.collect::<String>()
        );
    }
}

#[test]
fn one_instruction_more_or_another_compiler_is_noticed() {
    let text =
        "compiler,features,function,instructions\n1.95.0,asm,forward,100\n1.96.0,asm,forward,101\n";
    // 100 instructions are 2150.4 ticks.
    assert_eq!(golden(text, "1.95.0"), measured("asm", "forward 2150 3f800000"));
    assert_ne!(golden(text, "1.95.0"), measured("asm", "forward 2172 3f800000"));
    assert_eq!(golden(text, "1.96.0"), measured("asm", "forward 2172 3f800000"));
    assert!(golden(text, "1.97.0").is_empty());
}
