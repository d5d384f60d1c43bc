//! The firmware's segments against the chip's memory map: the board's ELF and the emulator's.

use crate::segments::misplaced;
use std::path::Path;
use tests::firmware_elf;

/// Where the program headers are, and how many: ELF32, little-endian.
fn headers(elf: &[u8]) -> (usize, usize) {
    let start = u32::from_le_bytes(elf[0x1c..0x20].try_into().unwrap());
    (start as usize, usize::from(u16::from_le_bytes(elf[0x2c..0x2e].try_into().unwrap())))
}

#[test]
fn what_is_built_for_the_chip_lies_in_its_memories() {
    // Without a name the build takes the last exported image, or makes one.
    let elf = firmware_elf(&["board"], Path::new(""));
    let lines = misplaced(&elf).unwrap();
    assert!(lines.is_empty(), "{lines:?}");
    // The control: the same firmware with each loaded segment moved out of the chip in turn.
    let (start, count) = headers(&elf);
    let mut moved = 0;
    for header in (0..count).map(|index| start + 32 * index) {
        let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap());
        let (kind, length) = (word(header), word(header + 20));
        if kind == 1 && length > 0 {
            let mut planted = elf.to_vec();
            for address in [header + 8, header + 12] {
                planted[address..address + 4].copy_from_slice(&0x6000_0000u32.to_le_bytes());
            }
            assert!(!misplaced(&planted).unwrap().is_empty(), "segment at {header:#x}");
            moved += 1;
        }
    }
    assert!(moved >= 3, "code, image and variables are segments of their own: {moved}");
}
