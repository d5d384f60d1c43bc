//! A whole tick of each task's policy, as a share of the control period.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::trace::{self, Measured};
use crate::project::Project;

/// The chip's clock.
const HERTZ: f64 = 168e6;

/// Function, task, milliseconds between two decisions (four of the task's control steps), sizes of a
/// policy with 64 hidden units.
const TASKS: [(&str, &str, f64, &str); 10] = [
    ("tick_acrobot", "acrobot", 40.0, "6-64-64-1"),
    ("tick_ball_in_cup", "ball_in_cup", 80.0, "8-64-64-2"),
    ("tick_cartpole", "cartpole", 40.0, "5-64-64-1"),
    ("tick_cheetah", "cheetah", 40.0, "17-64-64-6"),
    ("tick_finger_turn", "finger turn", 80.0, "12-64-64-2"),
    ("tick_point_mass", "point_mass", 80.0, "4-64-64-2"),
    ("tick_reacher", "reacher", 80.0, "6-64-64-2"),
    ("tick_walker", "walker", 100.0, "24-64-64-6"),
    ("tick_quadruped", "quadruped", 80.0, "78-64-64-12"),
    ("tick_humanoid", "humanoid", 100.0, "67-64-64-21"),
];

/// A task's tick in plain Rust and with the kernels in assembly.
pub(crate) struct Tick {
    task: &'static str,
    network: &'static str,
    period_ms: f64,
    plain: Measured,
    assembly: Measured,
}

/// Measures all tasks.
///
/// # Errors
/// When something does not build or fails in the emulator.
pub(crate) fn measure(project: &Project) -> Result<Vec<Tick>> {
    let run = |features| trace::run(&super::subject::ours(project, "tick", features)?);
    let (plain, assembly) = (run("")?, run("asm")?);
    let find = |measured: &[Measured], function: &str| {
        let found = measured.iter().find(|found| found.function == function).cloned();
        found.with_context(|| format!("there is no function {function}"))
    };
    let tick = |(function, task, period_ms, network)| {
        let (plain, assembly) = (find(&plain, function)?, find(&assembly, function)?);
        Ok(Tick { task, network, period_ms, plain, assembly })
    };
    TASKS.into_iter().map(tick).collect()
}

impl Tick {
    /// Model cycles of the slower of both as a share of the period.
    fn share(&self) -> f64 {
        let cycles = self.plain.model_cycles.max(self.assembly.model_cycles);
        cycles as f64 / (HERTZ * self.period_ms * 1e-3)
    }
}

/// Markdown, which a terminal shows well enough.
pub(crate) fn table(ticks: &[Tick]) -> String {
    let mut text = "| task | policy | instructions | with `asm` | model cycles | with `asm` | period | share of the period |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for tick in ticks {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} ms | {:.3} % |",
            tick.task,
            tick.network,
            tick.plain.instructions,
            tick.assembly.instructions,
            tick.plain.model_cycles,
            tick.assembly.model_cycles,
            tick.period_ms,
            100.0 * tick.share()
        );
    }
    text
}
