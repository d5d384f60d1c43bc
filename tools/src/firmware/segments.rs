//! Compares the addresses of a firmware's segments with the chip's memory map.
//!
//! | segment | must lie in |
//! |---|---|
//! | bytes that are flashed | flash, no two segments on the same byte |
//! | variables | SRAM |
//! | code | flash; or, for code that erases flash, the part of SRAM with the variables, where the start-up code copies it to |
//! | the first instruction | a segment with code |

use std::ops::Range;

use object::LittleEndian;
use object::elf::{FileHeader32, PF_W, PF_X, PT_LOAD};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// 1 MiB of the STM32F405RG's flash.
const FLASH: Range<u64> = 0x0800_0000..0x0810_0000;
/// The chip's SRAM1 and SRAM2. The core-coupled memory is not used because QEMU does not emulate it.
const SRAM: Range<u64> = 0x2000_0000..0x2002_0000;
/// The part of SRAM above the stack.
const VARIABLES: Range<u64> = 0x2001_8000..0x2002_0000;

/// Returns a line for each segment at a wrong address.
///
/// # Errors
/// When the bytes are not an ELF file of 32 bits and little-endian.
pub fn misplaced(elf: &[u8]) -> Result<Vec<String>, object::Error> {
    let endian = LittleEndian;
    let header = FileHeader32::<LittleEndian>::parse(elf)?;
    let mut lines = Vec::new();
    let mut flashed: Vec<Range<u64>> = Vec::new();
    let entry = u64::from(header.e_entry.get(endian));
    let mut entered = false;
    for segment in header.program_headers(endian, elf)? {
        let length = u64::from(segment.p_memsz(endian));
        if segment.p_type(endian) != PT_LOAD || length == 0 {
            continue;
        }
        let flags = segment.p_flags(endian);
        let (run, load) = (segment.p_vaddr(endian).into(), segment.p_paddr(endian).into());
        let stored = u64::from(segment.p_filesz(endian));
        let run: Range<u64> = run..run + length;
        let load: Range<u64> = load..load + stored;
        let mut expect = |holds: bool, range: &Range<u64>, what: &str| {
            if !holds {
                lines.push(format!("{:#010x}..{:#010x} {what}", range.start, range.end));
            }
        };
        if flags & PF_W != 0 {
            expect(within(&run, &SRAM), &run, "is written, but is not in SRAM");
        } else {
            expect(within(&run, &FLASH), &run, "is constant, but is not in flash");
        }
        if flags & PF_X != 0 {
            let copied = stored == length && within(&run, &VARIABLES);
            expect(
                copied || within(&run, &FLASH),
                &run,
                "is executed, but is neither in flash nor copied from it to the variables",
            );
            entered |= run.contains(&entry);
        }
        if stored > 0 {
            expect(within(&load, &FLASH), &load, "is flashed, but is not in flash");
            let free =
                flashed.iter().all(|other| load.end <= other.start || other.end <= load.start);
            expect(free, &load, "is flashed twice");
            flashed.push(load);
        }
    }
    if !entered {
        lines.push(format!("{entry:#010x} is the first instruction, but is not executable"));
    }
    Ok(lines)
}

fn within(inner: &Range<u64>, outer: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: u32 = 4;

    /// Address while it runs, address in flash, bytes stored, bytes in memory, flags.
    type Segment = (u32, u32, u32, u32, u32);

    const CODE: Segment = (0x0800_0000, 0x0800_0000, 0x400, 0x400, READ | PF_X);
    const DATA: Segment = (0x2001_8000, 0x0800_0400, 0x10, 0x10, READ | PF_W);
    const ZERO: Segment = (0x2001_8010, 0x2001_8010, 0, 0x100, READ | PF_W);
    const IMAGE: Segment = (0x080e_0000, 0x080e_0000, 0x2_0000, 0x2_0000, READ);

    /// An ELF file that consists of headers.
    fn elf(segments: &[Segment]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0\x01\0\0\0".to_vec();
        for word in [0x0800_0101u32, 52, 0, 0] {
            bytes.extend(word.to_le_bytes());
        }
        for half in [52u16, 32, segments.len() as u16, 40, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for &(run, load, stored, length, flags) in segments {
            for word in [PT_LOAD, 0, run, load, stored, length, flags, 4] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn correct_addresses_are_accepted() {
        let copied = (0x2001_9000, 0x0800_1000, 4, 4, READ | PF_W | PF_X);
        let lines = misplaced(&elf(&[CODE, DATA, ZERO, IMAGE, copied])).unwrap();
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[test]
    fn every_segment_at_a_wrong_address_is_reported() {
        let planted: [(&str, Segment); 9] = [
            ("code in no memory", (0x0900_0000, 0x0900_0000, 4, 4, READ | PF_X)),
            ("code below flash", (0x07ff_fffc, 0x07ff_fffc, 8, 8, READ | PF_X)),
            ("code in the stack", (0x2000_0000, 0x0800_1000, 4, 4, READ | PF_W | PF_X)),
            ("code that is not copied", (0x2001_9000, 0x0800_1000, 0, 4, READ | PF_W | PF_X)),
            ("an image beyond flash", (0x080e_0000, 0x080e_0000, 0x2_0004, 0x2_0004, READ)),
            ("variables beyond SRAM", (0x2001_fffc, 0x2001_fffc, 0, 8, READ | PF_W)),
            ("variables in core-coupled memory", (0x1000_0000, 0x1000_0000, 0, 8, READ | PF_W)),
            ("initial values in no memory", (0x2000_0000, 0x2000_0000, 4, 4, READ | PF_W)),
            ("two on one byte", (0x0800_03ff, 0x0800_03ff, 4, 4, READ)),
        ];
        for (what, segment) in planted {
            let lines = misplaced(&elf(&[CODE, DATA, ZERO, segment])).unwrap();
            assert!(!lines.is_empty(), "{what}");
        }
        let lines = misplaced(&elf(&[DATA, IMAGE])).unwrap();
        assert_eq!(lines, ["0x08000101 is the first instruction, but is not executable"]);
    }

    #[test]
    fn bytes_that_are_not_an_elf_file_are_refused_without_a_panic() {
        assert!(misplaced(b"no").is_err());
        assert!(misplaced(&elf(&[CODE])[..60]).is_err());
    }
}
