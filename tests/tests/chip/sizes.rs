//! What the firmware takes of the chip, against a golden file.

use object::{Object, ObjectSymbol};
use serde_json::Value;
use tests::{firmware_elf, root, small_image, succeed, xtask};

/// Compilers differ by a little; a change of the program by more is to be seen in the golden file.
const TOLERANCE: f64 = 0.04;

/// Each measured number that is not near its golden one, as a line.
fn differences(golden: &Value, measured: &Value) -> Vec<String> {
    let keys = [
        "/board/flash",
        "/board/ram",
        "/emulator/flash",
        "/emulator/ram",
        "/stack_high_water_bytes",
    ];
    let number = |value: &Value, key: &str| value.pointer(key).and_then(Value::as_f64);
    keys.iter()
        .filter_map(|key| match (number(golden, key), number(measured, key)) {
            (Some(golden), Some(measured)) if (measured / golden - 1.0).abs() <= TOLERANCE => None,
            (golden, measured) => Some(format!("{key}: {measured:?}, golden {golden:?}")),
        })
        .collect()
}

#[test]
fn flash_ram_and_stack_are_those_of_the_golden_file() {
    let path = root().join("tests/golden/sizes.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = succeed(xtask().arg("size").arg(small_image()).arg("--json"));
    let measured: Value = serde_json::from_str(&text).unwrap();
    let differences = differences(&golden, &measured);
    assert!(differences.is_empty(), "{differences:#?}: if meant, write this to the file: {text}");
}

#[test]
fn a_larger_program_is_noticed() {
    let golden = serde_json::json!({
        "board": {"flash": 1000, "ram": 100}, "emulator": {"flash": 1000, "ram": 100},
        "stack_high_water_bytes": 500,
    });
    assert!(differences(&golden, &golden).is_empty());
    let mut larger = golden.clone();
    larger["board"]["flash"] = 1050.into();
    assert_eq!(differences(&golden, &larger).len(), 1);
    larger["stack_high_water_bytes"] = Value::Null;
    assert_eq!(differences(&golden, &larger).len(), 2);
}

/// Symbols of whoever gives out memory.
fn allocators(elf: &[u8]) -> Vec<String> {
    let file = object::File::parse(elf).unwrap();
    let parts = ["__rust_alloc", "__rg_alloc", "malloc", "alloc::alloc"];
    let names = file.symbols().filter_map(|symbol| symbol.name().ok());
    names.filter(|name| parts.iter().any(|part| name.contains(part))).map(str::to_owned).collect()
}

#[test]
fn there_is_no_allocator_in_the_firmware() {
    for machine in ["board", "emulator"] {
        let elf = firmware_elf(&[machine], small_image());
        let file = object::File::parse(&*elf).unwrap();
        let mut names = file.symbols().filter_map(|symbol| symbol.name().ok());
        assert!(names.any(|name| name.contains("Supervisor")), "the symbols are there");
        assert_eq!(allocators(&elf), [""; 0]);
    }
    // The control: this very program has one.
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(!allocators(&own).is_empty());
}
