//! The kernel in assembly for Armv7E-M with a single-precision FPU (Cortex-M4F and M7F).
//!
//! The compiler keeps a block of outputs in registers too, but loads every weight by itself. Here
//! eight weights come with one `VLDMIA` and eight inputs with another:
//!
//! | registers | hold |
//! |---|---|
//! | `s0`-`s15` | up to 16 sums |
//! | `s16`-`s23` | eight weights, with VMUL their products |
//! | `s24`-`s31` | eight inputs |
//! | `r0`, `r4`, `r5` | weights, bias and outputs of this block of columns |
//! | `r1`, `r2`, `r3` | inputs, their number, bytes from the end of a block's row to its next row |
//! | `r6` | blocks that are left |
//! | `r7`, `r8`, `r9` | the weights and inputs of this row, rows that are left |
//!
//! `VMLA` rounds the product before it adds: it is not fused, its bits are those of `VMUL` and
//! `VADD`. It is one instruction instead of two and takes three cycles instead of two; which is
//! faster depends on where the instructions come from, so both are built.
#![allow(unsafe_code)]

use super::float::LEAKY_SLOPE;
use super::integer::{BLOCK as BLOCK_OF_INTEGERS, SLOPE, weight_words};
use crate::math::WeightType;
use core::arch::naked_asm;

/// [`affine`](super::affine) with one `VMLA.F32` for each multiply-add.
pub fn affine_vmla(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    layer(weights, bias, x, y, |width| BLOCKS_VMLA[width]);
}

/// [`affine`](super::affine) with `VMUL.F32` and `VADD.F32`, eight of each in a row.
pub fn affine_vmul(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    layer(weights, bias, x, y, |width| BLOCKS_VMUL[width]);
}

/// Outputs in one block.
const BLOCK: usize = 16;

/// Some blocks of neighbouring columns, all of one width: weights of the first column, inputs, their
/// number, bytes of a whole row, bias, outputs, number of blocks (at least one).
type Blocks =
    unsafe extern "C" fn(*const f32, *const f32, usize, usize, *const f32, *mut f32, usize);

#[inline]
fn layer(
    weights: &[f32],
    bias: &[f32],
    x: &[f32],
    y: &mut [f32],
    blocks: impl Fn(usize) -> Blocks,
) {
    let out = y.len();
    if bias.len() != out || weights.len() != x.len() * out {
        return y.fill(f32::NAN);
    }
    let (inputs, stride) = (x.len(), 4 * out);
    let (weights, x, bias, y) = (weights.as_ptr(), x.as_ptr(), bias.as_ptr(), y.as_mut_ptr());
    let (whole, rest) = (out / BLOCK, out % BLOCK);
    if whole > 0 {
        // SAFETY: the lengths were checked above. `whole` blocks of 16 columns lie in a row of `out`
        // weights; every row, `bias` and `y` have that length, and `x` has one element a row.
        unsafe { blocks(BLOCK)(weights, x, inputs, stride, bias, y, whole) };
    }
    if rest > 0 {
        let column = out - rest;
        // SAFETY: as above, for the last `rest` columns. Without inputs there are no weights to
        // point at, hence the wrapping; nothing is read from there then.
        unsafe {
            let weights = weights.wrapping_add(column);
            blocks(rest)(weights, x, inputs, stride, bias.add(column), y.add(column), 1);
        }
    }
}

macro_rules! tables {
    ($($width:literal)*) => {
        /// By width; a block of no columns does not occur and is one of one column.
        static BLOCKS_VMLA: [Blocks; BLOCK + 1] = [vmla::<1>, $(vmla::<$width>),*];
        static BLOCKS_VMUL: [Blocks; BLOCK + 1] = [vmul::<1>, $(vmul::<$width>),*];
    };
}
tables!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);

/// Eight multiply-adds, or fewer: those of the sums below `{width}`.
macro_rules! vmla8 {
    ($x:literal $($sum:literal $weight:literal)*) => {
        concat!($(
            ".if {width} > ", $sum, "\n",
            "vmla.f32 s", $sum, ", s", $weight, ", ", $x, "\n",
            ".endif\n"
        ),*)
    };
}

/// The same, products first: an addition never waits for the multiplication just before it.
macro_rules! vmul8 {
    ($x:literal $($sum:literal $weight:literal)*) => {
        concat!($(
            ".if {width} > ", $sum, "\n",
            "vmul.f32 s", $weight, ", s", $weight, ", ", $x, "\n",
            ".endif\n",
        )* $(
            ".if {width} > ", $sum, "\n",
            "vadd.f32 s", $sum, ", s", $sum, ", s", $weight, "\n",
            ".endif\n"
        ),*)
    };
}

/// One row of a block: its weights times the input in register `$x`.
macro_rules! row {
    ($eight:ident $x:literal) => {
        concat!(
            ".if {width} > 8\n",
            "vldmia r7!, {{s16-s23}}\n",
            $eight!($x 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23),
            "vldmia r7!, {{s16-s{upper}}}\n",
            $eight!($x 8 16 9 17 10 18 11 19 12 20 13 21 14 22 15 23),
            ".else\n",
            "vldmia r7!, {{s16-s{lower}}}\n",
            $eight!($x 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23),
            ".endif\n",
            "add r7, r3\n",
        )
    };
}

macro_rules! blocks {
    ($name:ident $eight:ident) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name<const WIDTH: usize>(
            weights: *const f32,
            x: *const f32,
            inputs: usize,
            stride: usize,
            bias: *const f32,
            y: *mut f32,
            blocks: usize,
        ) {
            naked_asm!(
                // Under link-time optimisation the assembler is not told what the target has.
                ".fpu fpv4-sp-d16",
                "push {{r4-r9, lr}}",
                "vpush {{s16-s31}}",
                // Above them on the stack: 7 + 16 words were pushed.
                "add r7, sp, #92",
                "ldm r7, {{r4-r6}}",
                "sub r3, #4*{width}",
                "2:",
                "vldmia r4!, {{s0-s{last}}}",
                "mov r7, r0",
                "mov r8, r1",
                "lsrs r9, r2, #3",
                "beq 4f",
                "3:",
                "vldmia r8!, {{s24-s31}}",
                row!($eight "s24"),
                row!($eight "s25"),
                row!($eight "s26"),
                row!($eight "s27"),
                row!($eight "s28"),
                row!($eight "s29"),
                row!($eight "s30"),
                row!($eight "s31"),
                "subs r9, #1",
                "bne 3b",
                "4:",
                "ands r9, r2, #7",
                "beq 6f",
                "5:",
                "vldmia r8!, {{s24}}",
                row!($eight "s24"),
                "subs r9, #1",
                "bne 5b",
                "6:",
                "vstmia r5!, {{s0-s{last}}}",
                "add r0, #4*{width}",
                "subs r6, #1",
                "bne 2b",
                "vpop {{s16-s31}}",
                "pop {{r4-r9, pc}}",
                width = const WIDTH,
                last = const WIDTH - 1,
                // Last register of the first and of the second eight weights.
                lower = const if WIDTH < 8 { 15 + WIDTH } else { 23 },
                upper = const if WIDTH > 8 { 7 + WIDTH } else { 16 },
            )
        }
    };
}
blocks!(vmla vmla8);
blocks!(vmul vmul8);

/// `x` above zero, else `+0`, in place; of a NaN the sign decides.
pub(crate) fn relu(values: &mut [f32]) {
    // SAFETY: the pointer and the length are those of an exclusive slice.
    unsafe { relu_run(values.as_mut_ptr(), values.len()) }
}

/// `x` above zero, `0.01 x` below, in place.
pub(crate) fn leaky_relu(values: &mut [f32]) {
    // SAFETY: the pointer and the length are those of an exclusive slice.
    unsafe { leaky_relu_run(values.as_mut_ptr(), values.len()) }
}

/// Integers: the sign's shift to the right is a mask.
#[unsafe(naked)]
unsafe extern "C" fn relu_run(values: *mut f32, len: usize) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r9, lr}}",
        "subs r1, #8",
        "blo 3f",
        "2:",
        "ldm r0, {{r2-r9}}",
        "bic r2, r2, r2, asr #31",
        "bic r3, r3, r3, asr #31",
        "bic r4, r4, r4, asr #31",
        "bic r5, r5, r5, asr #31",
        "bic r6, r6, r6, asr #31",
        "bic r7, r7, r7, asr #31",
        "bic r8, r8, r8, asr #31",
        "bic r9, r9, r9, asr #31",
        "stmia r0!, {{r2-r9}}",
        "subs r1, #8",
        "bhs 2b",
        "3:",
        "adds r1, #8",
        "beq 5f",
        "4:",
        "ldr r2, [r0]",
        "bic r2, r2, r2, asr #31",
        "str r2, [r0], #4",
        "subs r1, #1",
        "bne 4b",
        "5:",
        "pop {{r4-r9, pc}}",
    )
}

/// Every value times one or times the slope, which its sign chooses: a product with one is exact.
#[unsafe(naked)]
unsafe extern "C" fn leaky_relu_run(values: *mut f32, len: usize) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r11, lr}}",
        // One, and the bits in which the slope differs from it.
        "movw r10, #{one} & 0xffff",
        "movt r10, #{one} >> 16",
        "movw r11, #{other} & 0xffff",
        "movt r11, #{other} >> 16",
        "subs r1, #8",
        "blo 3f",
        "2:",
        "ldm r0, {{r2-r9}}",
        "vldmia r0, {{s0-s7}}",
        "and r2, r11, r2, asr #31",
        "and r3, r11, r3, asr #31",
        "and r4, r11, r4, asr #31",
        "and r5, r11, r5, asr #31",
        "and r6, r11, r6, asr #31",
        "and r7, r11, r7, asr #31",
        "and r8, r11, r8, asr #31",
        "and r9, r11, r9, asr #31",
        "eor r2, r10, r2",
        "eor r3, r10, r3",
        "eor r4, r10, r4",
        "eor r5, r10, r5",
        "eor r6, r10, r6",
        "eor r7, r10, r7",
        "eor r8, r10, r8",
        "eor r9, r10, r9",
        "vmov s8, s9, r2, r3",
        "vmov s10, s11, r4, r5",
        "vmov s12, s13, r6, r7",
        "vmov s14, s15, r8, r9",
        "vmul.f32 s0, s0, s8",
        "vmul.f32 s1, s1, s9",
        "vmul.f32 s2, s2, s10",
        "vmul.f32 s3, s3, s11",
        "vmul.f32 s4, s4, s12",
        "vmul.f32 s5, s5, s13",
        "vmul.f32 s6, s6, s14",
        "vmul.f32 s7, s7, s15",
        "vstmia r0!, {{s0-s7}}",
        "subs r1, #8",
        "bhs 2b",
        "3:",
        "adds r1, #8",
        "beq 5f",
        "4:",
        "ldr r2, [r0]",
        "vldr s0, [r0]",
        "and r2, r11, r2, asr #31",
        "eor r2, r10, r2",
        "vmov s8, r2",
        "vmul.f32 s0, s0, s8",
        "vstmia r0!, {{s0}}",
        "subs r1, #1",
        "bne 4b",
        "5:",
        "pop {{r4-r11, pc}}",
        one = const 1f32.to_bits(),
        other = const 1f32.to_bits() ^ LEAKY_SLOPE.to_bits(),
    )
}

/// Some blocks of a layer of integers: stream, inputs, fours of inputs, outputs, number of blocks (at
/// least one).
type Integers = unsafe extern "C" fn(*const u32, *const u32, usize, *mut u32, usize);

/// How the sums of integers are converted.
const RELU: usize = 0;
const LEAKY_RELU: usize = 1;
const TO_FLOAT: usize = 2;

/// [`integer::hidden`](super::integer::hidden) with SMLAD; a stream shorter than
/// the layer gives zeros.
pub fn integer_hidden(weights: WeightType, leaky: bool, stream: &[u32], x: &[u32], y: &mut [u32]) {
    let run: Integers = match (weights, leaky) {
        (WeightType::I8, false) => integers::<4, 8, RELU>,
        (WeightType::I8, true) => integers::<4, 8, LEAKY_RELU>,
        (_, false) => integers::<4, 16, RELU>,
        (_, true) => integers::<4, 16, LEAKY_RELU>,
    };
    let blocks = y.len() / 2;
    let (x, groups) = (&x[..x.len() & !1], x.len() / 2);
    let words = BLOCK_OF_INTEGERS * (2 + weight_words(weights, x));
    if stream.len() < blocks * words {
        return y.fill(0);
    }
    if blocks > 0 {
        // SAFETY: the stream has `blocks` blocks for `groups` times four inputs, as was checked; `x` has
        // two words for each group and `y` two for each block.
        unsafe { run(stream.as_ptr(), x.as_ptr(), groups, y.as_mut_ptr(), blocks) };
    }
}

/// [`integer::last`](super::integer::last) with SMLAD; a stream shorter than the
/// layer gives NaN, which the guards refuse.
pub fn integer_last(weights: WeightType, stream: &[u32], x: &[u32], y: &mut [f32]) {
    let table: [Integers; 4] = match weights {
        WeightType::I8 => {
            [integers::<4, 8, TO_FLOAT>, integers::<1, 8, TO_FLOAT>, integers::<2, 8, TO_FLOAT>, integers::<3, 8, TO_FLOAT>]
        }
        _ => {
            [integers::<4, 16, TO_FLOAT>, integers::<1, 16, TO_FLOAT>, integers::<2, 16, TO_FLOAT>, integers::<3, 16, TO_FLOAT>]
        }
    };
    let (x, groups) = (&x[..x.len() & !1], x.len() / 2);
    let per_output = 2 + weight_words(weights, x);
    if stream.len() < y.len() * per_output {
        return y.fill(f32::NAN);
    }
    let (blocks, rest) = (y.len() / BLOCK_OF_INTEGERS, y.len() % BLOCK_OF_INTEGERS);
    let (stream, x, y) = (stream.as_ptr(), x.as_ptr(), y.as_mut_ptr());
    let done = blocks * BLOCK_OF_INTEGERS;
    if blocks > 0 {
        // SAFETY: as above, with one float in `y` for each output.
        unsafe { table[0](stream, x, groups, y.cast(), blocks) };
    }
    if rest > 0 {
        // SAFETY: behind the whole blocks comes one of `rest` outputs.
        unsafe {
            table[rest](stream.add(done * per_output), x, groups, y.add(done).cast(), 1);
        }
    }
}

/// Four inputs, two words in `r12` and `lr`, times the weights of a block.
///
/// | registers | hold |
/// |---|---|
/// | `r0`, `r1` | the stream and the inputs, both read on and on |
/// | `r2` | fours of inputs that are left |
/// | `r3` | two unpacked bytes |
/// | `r4`-`r7` | sums |
/// | `r8`-`r11` | weights of each output |
macro_rules! four {
    () => {
        concat!(
            "ldm r1!, {{r12, lr}}\n",
            "ldm r0!, {{r8-r{last_weight}}}\n",
            ".if {bits} == 8\n",
            bytes!("0" "4" "8"), bytes!("1" "5" "9"), bytes!("2" "6" "10"), bytes!("3" "7" "11"),
            ".else\n",
            halves!("r12" "0" "4" "8"), halves!("r12" "1" "5" "9"),
            halves!("r12" "2" "6" "10"), halves!("r12" "3" "7" "11"),
            "ldm r0!, {{r8-r{last_weight}}}\n",
            halves!("lr" "0" "4" "8"), halves!("lr" "1" "5" "9"),
            halves!("lr" "2" "6" "10"), halves!("lr" "3" "7" "11"),
            ".endif\n",
        )
    };
}

/// Of bytes `w0, w2, w1, w3`, SXTB16 takes the first and the third, or the second and the fourth.
macro_rules! bytes {
    ($index:literal $sum:literal $weight:literal) => {
        concat!(
            ".if {width} > ", $index, "\n",
            "sxtb16 r3, r", $weight, "\n",
            "smlad r", $sum, ", r3, r12, r", $sum, "\n",
            "sxtb16 r", $weight, ", r", $weight, ", ror #8\n",
            "smlad r", $sum, ", r", $weight, ", lr, r", $sum, "\n",
            ".endif\n",
        )
    };
}

macro_rules! halves {
    ($x:literal $index:literal $sum:literal $weight:literal) => {
        concat!(
            ".if {width} > ", $index, "\n",
            "smlad r", $sum, ", r", $weight, ", ", $x, ", r", $sum, "\n",
            ".endif\n",
        )
    };
}

/// A hundredth of a sum below zero, rounded.
macro_rules! leak {
    ($sum:literal) => {
        concat!("cmp ", $sum, ", #0\nit lt\nsmmulrlt ", $sum, ", ", $sum, ", r3\n")
    };
}

#[unsafe(naked)]
unsafe extern "C" fn integers<const WIDTH: usize, const BITS: usize, const THEN: usize>(
    stream: *const u32,
    x: *const u32,
    groups: usize,
    y: *mut u32,
    blocks: usize,
) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        // Inputs, groups and outputs at sp, sp + 4 and sp + 8; the number of blocks at sp + 48.
        "push {{r1-r11, lr}}",
        "2:",
        "ldm r0!, {{r4-r{last_sum}}}",
        "ldrd r1, r2, [sp]",
        "3:",
        "tst r2, #3",
        "beq 4f",
        four!(),
        "subs r2, #1",
        "b 3b",
        "4:",
        "cmp r2, #0",
        "beq 6f",
        "5:",
        four!(),
        four!(),
        four!(),
        four!(),
        "subs r2, #4",
        "bne 5b",
        "6:",
        "ldr r12, [sp, #8]",
        ".if {then} == 2",
        // As many as a block can have: what is not needed is not stored.
        "vmov s0, s1, r4, r5",
        "vmov s2, s3, r6, r7",
        "vldmia r0!, {{s4-s{last_unit}}}",
        "vcvt.f32.s32 s0, s0",
        "vcvt.f32.s32 s1, s1",
        "vcvt.f32.s32 s2, s2",
        "vcvt.f32.s32 s3, s3",
        "vmul.f32 s0, s0, s4",
        "vmul.f32 s1, s1, s5",
        "vmul.f32 s2, s2, s6",
        "vmul.f32 s3, s3, s7",
        "vstmia r12!, {{s0-s{last_output}}}",
        ".else",
        "ldm r0!, {{r8-r11}}",
        ".if {then} == 1",
        "movw r3, #{slope} & 0xffff",
        "movt r3, #{slope} >> 16",
        leak!("r4"),
        leak!("r5"),
        leak!("r6"),
        leak!("r7"),
        ".endif",
        "smmulr r4, r4, r8",
        "smmulr r5, r5, r9",
        "smmulr r6, r6, r10",
        "smmulr r7, r7, r11",
        ".if {then} == 1",
        "ssat r4, #13, r4",
        "ssat r5, #13, r5",
        "ssat r6, #13, r6",
        "ssat r7, #13, r7",
        ".else",
        "usat r4, #12, r4",
        "usat r5, #12, r5",
        "usat r6, #12, r6",
        "usat r7, #12, r7",
        ".endif",
        "pkhbt r4, r4, r5, lsl #16",
        "pkhbt r5, r6, r7, lsl #16",
        "stmia r12!, {{r4, r5}}",
        ".endif",
        "str r12, [sp, #8]",
        "ldr r3, [sp, #48]",
        "subs r3, #1",
        "str r3, [sp, #48]",
        "bne 2b",
        "pop {{r1-r11, pc}}",
        width = const WIDTH,
        bits = const BITS,
        then = const THEN,
        slope = const SLOPE,
        last_sum = const 3 + WIDTH,
        last_weight = const 7 + WIDTH,
        last_unit = const 3 + WIDTH,
        last_output = const WIDTH - 1,
    )
}
