//! Counts the instructions that the emulated processor executes, from QEMU's log of every instruction.
//!
//! QEMU runs with one instruction for each block (`-singlestep`), disassembles a block when it first meets it
//! (`in_asm`), and logs the block's address whenever it runs (`exec`). Every figure here therefore counts executed
//! instructions, and the cycle model is applied to exactly those.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::cycles::cycles;
use crate::process;
use crate::project::Project;
use crate::qemu;

/// With `-icount shift=7` an instruction takes 128 ns, and SysTick counts at 168 MHz.
pub(super) const TICKS_PER_INSTRUCTION: f64 = 21.504;

/// The cost of one call of a function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// The function's name in the program.
    pub(super) function: String,
    /// Instructions from the function's first to its return, both included.
    pub(super) instructions: u64,
    /// Cycles of the same instructions by the model.
    pub(super) model_cycles: u64,
    /// The function's outputs.
    pub(super) outputs: Vec<f32>,
}

/// A line that the program printed: function, ticks of the clock, bits of the outputs.
#[derive(Debug, PartialEq)]
struct Printed {
    name: String,
    ticks: u32,
    outputs: Vec<f32>,
}

impl Printed {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let ticks = words.next()?.parse().ok()?;
        let bits = words.map(|word| u32::from_str_radix(word, 16).map(f32::from_bits));
        Some(Self { name, ticks, outputs: bits.collect::<Result<_, _>>().ok()? })
    }
}

/// Runs a program in the emulator and returns the cost of each function that it reports.
///
/// # Errors
/// When the emulator or the program fails, or the program's clock disagrees with the trace.
pub(super) fn run(project: &Project, elf: &Path) -> Result<Vec<Measured>> {
    let printed = print(project, elf)?;
    let mut traced = trace(project, elf, &printed)?;
    // The clock also counts the call and one reading of the clock, which every function pays.
    let spent = |ticks: u32| (f64::from(ticks) / TICKS_PER_INSTRUCTION).round() as u64;
    let mut overheads = Vec::new();
    let mut measured = Vec::new();
    for line in printed {
        let Some((instructions, model_cycles)) = traced.remove(&line.name) else {
            bail!("{} reports {}, which it never called", elf.display(), line.name);
        };
        overheads.push(spent(line.ticks).saturating_sub(instructions));
        let Printed { name: function, outputs, .. } = line;
        measured.push(Measured { function, instructions, model_cycles, outputs });
    }
    // The call costs a few instructions more or less, depending on the arguments.
    if overheads.iter().any(|overhead| *overhead > 24) {
        bail!("clock and trace disagree about {}: {overheads:?} instructions", elf.display());
    }
    Ok(measured)
}

/// Runs the program without a trace and returns the lines that it prints.
fn print(project: &Project, elf: &Path) -> Result<Vec<Printed>> {
    let output = process::output(&mut qemu::command(project, elf))?;
    if !output.status.success() {
        bail!("{} failed in the emulator ({})", elf.display(), output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |line| Printed::parse(line).with_context(|| format!("cannot read {line:?}"));
    text.lines().map(parse).collect()
}

/// Runs the program with a trace and returns instructions and model cycles of each reported function.
fn trace(
    project: &Project,
    elf: &Path,
    printed: &[Printed],
) -> Result<HashMap<String, (u64, u64)>> {
    let mut qemu = qemu::command(project, elf);
    qemu.args(["-singlestep", "-d", "in_asm,exec,nochain"]);
    qemu.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = process::spawn(&mut qemu)?;
    let log = BufReader::with_capacity(1 << 20, child.stderr.take().context("no log of QEMU")?);
    let names = printed.iter().map(|line| line.name.as_str()).collect::<Vec<_>>();
    let mut cut = Cut::new(&names);
    for line in log.split(b'\n') {
        cut.line(&String::from_utf8_lossy(&line.context("reading QEMU's log")?));
    }
    let status = child.wait().context("waiting for QEMU")?;
    if !status.success() {
        bail!("{} failed under trace ({status})", elf.display());
    }
    Ok(cut.done)
}

/// A disassembled instruction.
struct Instruction {
    text: String,
    bytes: u32,
}

/// Cuts the log at the calls and returns of the reported functions.
struct Cut<'a> {
    names: &'a [&'a str],
    code: HashMap<u32, Instruction>,
    previous: Option<u32>,
    running: Option<Running>,
    done: HashMap<String, (u64, u64)>,
}

/// The function that runs now, and the address to which it returns.
struct Running {
    name: String,
    back: u32,
    instructions: u64,
    model_cycles: u64,
}

impl<'a> Cut<'a> {
    fn new(names: &'a [&'a str]) -> Self {
        let (code, done) = (HashMap::new(), HashMap::new());
        Self { names, code, previous: None, running: None, done }
    }

    fn line(&mut self, line: &str) {
        if let Some((address, instruction)) = disassembled(line) {
            self.code.insert(address, instruction);
        } else if let Some((address, symbol)) = executed(line) {
            self.step(address, symbol);
        }
    }

    fn step(&mut self, address: u32, symbol: &str) {
        let previous = self.previous.replace(address);
        let end = |at: u32| at + self.code.get(&at).map_or(4, |code| code.bytes);
        if let (Some(mut running), Some(previous)) = (self.running.take(), previous) {
            let text = self.code.get(&previous).map_or("", |code| &code.text);
            running.instructions += 1;
            running.model_cycles += cycles(text, address != end(previous));
            if address == running.back {
                self.done.insert(running.name, (running.instructions, running.model_cycles));
            } else {
                self.running = Some(running);
            }
        } else if let Some(previous) = previous
            && self.names.contains(&symbol)
            && !self.done.contains_key(symbol)
        {
            let (name, back) = (symbol.to_owned(), end(previous));
            self.running = Some(Running { name, back, instructions: 0, model_cycles: 0 });
        }
    }
}

/// `0x08003458:  af03       add      r7, sp, #0xc`
fn disassembled(line: &str) -> Option<(u32, Instruction)> {
    let (address, rest) = line.strip_prefix("0x")?.split_once(':')?;
    let mut text = rest.trim_start();
    let mut bytes = 0;
    // The code itself: one or two groups of four digits.
    while let Some((word, more)) = text.split_once(' ')
        && word.len() == 4
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && bytes < 4
    {
        (text, bytes) = (more.trim_start(), bytes + 2);
    }
    let text = text.trim_end().to_owned();
    Some((u32::from_str_radix(address, 16).ok()?, Instruction { text, bytes }))
}

/// `Trace 0: 0x7f6d30021680 [00800408/08003458/00000010/ff020201] symbol`
fn executed(line: &str) -> Option<(u32, &str)> {
    let (_, rest) = line.strip_prefix("Trace ")?.split_once('/')?;
    let (address, rest) = rest.split_once('/')?;
    let (_, symbol) = rest.split_once("] ").unwrap_or((rest, ""));
    Some((u32::from_str_radix(address, 16).ok()?, symbol.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller at 0x100, a subject at 0x200 that calls a helper at 0x300.
    const LOG: &str = "\
0x00000100:  f000 f87e  bl       #0x200
Trace 0: 0x7f [0/00000100/0/0] main
0x00000200:  b500       push     {lr}
Trace 0: 0x7f [0/00000200/0/0] subject
0x00000202:  f000 f87d  bl       #0x300
Trace 0: 0x7f [0/00000202/0/0] subject
0x00000300:  ee40 0a00  vmla.f32 s1, s0, s0
Trace 0: 0x7f [0/00000300/0/0] helper
0x00000304:  4770       bx       lr
Trace 0: 0x7f [0/00000304/0/0] helper
0x00000206:  bd00       pop      {pc}
Trace 0: 0x7f [0/00000206/0/0] subject
0x00000104:  bf00       nop
Trace 0: 0x7f [0/00000104/0/0] main
Trace 0: 0x7f [0/00000100/0/0] main";

    #[test]
    fn a_function_is_counted_from_its_first_instruction_to_its_return() {
        let mut cut = Cut::new(&["subject"]);
        LOG.lines().for_each(|line| cut.line(line));
        // push 2, bl 1 + 2, vmla 3, bx 1 + 2, pop 2 + 2.
        assert_eq!(cut.done["subject"], (5, 15));
        assert_eq!(cut.done.len(), 1);
    }

    #[test]
    fn a_report_is_read() {
        let expected = Printed { name: "forward".into(), ticks: 42, outputs: vec![1.0, -2.0] };
        assert_eq!(Printed::parse("forward 42 3f800000 c0000000"), Some(expected));
        assert_eq!(Printed::parse("forward"), None);
        assert_eq!(Printed::parse("forward 42 what"), None);
    }
}
