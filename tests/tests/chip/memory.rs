//! The segments of the firmware's ELF compared with the chip's memory map.

use std::path::Path;
use tests::firmware_elf;
use tools::firmware::segments::misplaced;

/// Offset and number of the program headers of a little-endian ELF32 file.
fn headers(elf: &[u8]) -> (usize, usize) {
    let start = u32::from_le_bytes(elf[0x1c..0x20].try_into().unwrap());
    (start as usize, usize::from(u16::from_le_bytes(elf[0x2c..0x2e].try_into().unwrap())))
}

#[test]
fn every_segment_of_the_firmware_lies_in_the_chips_memories() {
    // Without a name the build takes the last exported image, or makes an untrained one.
    let elf = firmware_elf(&["board"], Path::new(""));
    let lines = misplaced(&elf).unwrap();
    assert!(lines.is_empty(), "{lines:?}");
    // Negative control: each loaded segment in turn is moved to an address outside of the chip's memories.
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
