//! A model of the Cortex-M4's cycles: the instruction timings of its Technical Reference Manual
//! (section 3.3.1, and 7.2.3 for the FPU), without wait states.
//!
//! | symbol | meaning | here |
//! |---|---|---|
//! | N | number of registers; a double register counts as two | counted |
//! | P | refill of the pipeline after a taken branch, 1 to 3 | 2 |
//!
//! The model ignores wait states of the flash and what its cache saves, stalls between
//! dependent instructions, back-to-back loads that overlap, instructions that an `IT` skips.

/// Refill of the pipeline after a taken branch.
const REFILL: u64 = 2;
/// A division takes 2 to 12 cycles, depending on its operands; this is the longest.
const DIVISION: u64 = 12;

/// Returns the cycles of an executed instruction. `text` is its mnemonic and operands as QEMU's disassembler prints
/// them; `taken` says that the next instruction executed is not the next one in memory.
pub(super) fn cycles(text: &str, taken: bool) -> u64 {
    let (mnemonic, operands) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = mnemonic.strip_suffix(".w").unwrap_or(mnemonic);
    let registers = registers(operands);
    let base = match name {
        _ if name.starts_with("vldm") || name.starts_with("vstm") => 1 + registers,
        _ if name.starts_with("vpush") || name.starts_with("vpop") => 1 + registers,
        _ if name.starts_with("vldr") || name.starts_with("vstr") => 2,
        _ if is_any(name, &["vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnm"]) => 3,
        _ if is_any(name, &["vdiv", "vsqrt"]) => 14,
        // Two core registers to or from two FPU registers.
        _ if name.starts_with("vmov") && operands.matches(',').count() >= 2 => 2,
        _ if name.starts_with('v') => 1,
        _ if is_any(name, &["ldm", "stm", "push", "pop"]) => 1 + registers,
        _ if is_any(name, &["ldrd", "strd"]) => 3,
        _ if name.starts_with("ldr") => 2,
        // A store goes through a buffer unless its address takes two registers.
        _ if name.starts_with("str") => 1 + u64::from(has_index(operands)),
        _ if is_any(name, &["udiv", "sdiv"]) => DIVISION,
        _ if is_any(name, &["tbb", "tbh"]) => 2,
        _ => 1,
    };
    base + if taken { REFILL } else { 0 }
}

fn is_any(name: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| name.starts_with(start))
}

/// Whether the address takes a second register: `[r1, r2]` or `[r1, r2, lsl #2]`, but not `[r1, #4]`.
fn has_index(operands: &str) -> bool {
    let inside = operands.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inside
        .and_then(|(inside, _)| inside.split_once(','))
        .is_some_and(|(_, second)| !second.trim_start().starts_with('#'))
}

/// The number of registers between braces. A double register counts as two.
fn registers(operands: &str) -> u64 {
    let list = operands.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let Some((list, _)) = list else { return 1 };
    let number = |name: &str| name.trim().get(1..).and_then(|number| number.parse::<u64>().ok());
    list.split(',')
        .map(|part| {
            let width = if part.trim().starts_with('d') { 2 } else { 1 };
            let count = match part.split_once('-') {
                Some((first, last)) => {
                    number(last).zip(number(first)).map_or(1, |(l, f)| l - f + 1)
                }
                None => 1,
            };
            width * count
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timings_are_those_of_the_manual() {
        let table = [
            ("vldmia   r7!, {s16, s17, s18, s19}", 5),
            ("vpush    {d8, d9}", 5),
            ("vldmia   r0!, {s0-s7}", 9),
            ("vldr     s0, [r1, #4]", 2),
            ("vmla.f32 s0, s16, s24", 3),
            ("vmul.f32 s0, s16, s24", 1),
            ("vadd.f32 s0, s0, s16", 1),
            ("vmov     s8, s9, r2, r3", 2),
            ("vmov     s8, r2", 1),
            ("vcvt.f32.s32 s0, s0", 1),
            ("ldm.w    r0!, {r8, sb, sl, fp}", 5),
            ("push.w   {r4, lr}", 3),
            ("ldrd     r1, r2, [r0, #8]", 3),
            ("ldr      r1, [r0]", 2),
            ("str      r1, [r0, #4]", 1),
            ("str.w    r1, [r0, r2, lsl #2]", 2),
            ("smlad    r4, r8, ip, r4", 1),
            ("udiv     r0, r1, r2", 12),
            ("adds     r0, #1", 1),
        ];
        for (text, expected) in table {
            assert_eq!(cycles(text, false), expected, "{text}");
            assert_eq!(cycles(text, true), expected + 2, "{text}");
        }
    }
}
