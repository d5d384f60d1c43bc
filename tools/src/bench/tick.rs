//! The cost of a whole tick of each task's policy, as a share of the control period.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::networks::{WIDE, name};
use super::subject;
use super::trace::{self, Measured};
use crate::process;
use crate::programs::HostTrainer;
use crate::project::Project;

/// The chip's clock frequency.
const HERTZ: f64 = 168e6;
/// Control steps for each decision, as in training.
const ACTION_REPEAT: f64 = 4.0;

/// A task in the list of `host-trainer tasks --json`.
#[derive(Debug, Clone, Deserialize)]
struct Task {
    name: String,
    observations: usize,
    actions: usize,
    control_timestep: f64,
}

/// The task that is also measured with a policy as wide as the paper's.
const WIDE_TASK: &str = "cheetah-run";

/// The cost of a task's tick with the kernels in Rust and with the kernels in assembly.
pub(super) struct Tick {
    task: Task,
    policy: String,
    /// None where the tick takes longer than the program's clock counts.
    plain: Option<Measured>,
    assembly: Measured,
}

/// Measures the ticks of all tasks of the trainer.
///
/// # Errors
/// When a program does not build or fails in the emulator, or the program lacks a task's sizes.
pub(super) fn measure(project: &Project) -> Result<Vec<Tick>> {
    // Any build of the trainer lists the tasks; a new build would take longer than the measurement.
    let host = HostTrainer::find(project).map_or_else(|| HostTrainer::build(project), Ok)?;
    let mut list = host.command(project);
    let list = process::succeed(list.args(["tasks", "--json"]), "the list of tasks")?;
    let tasks: Vec<Task> = serde_json::from_slice(&list).context("the list of tasks")?;
    let run = |features| trace::run(project, &subject::ours(project, "tick", features)?);
    let (plain, assembly) = (run("")?, run("asm")?);
    let wide = tasks.iter().find(|task| task.name == WIDE_TASK).cloned();
    let wide = wide.with_context(|| format!("host-trainer knows no {WIDE_TASK}"))?;
    let ticks = tasks.into_iter().map(|task| {
        let Task { observations, actions, .. } = task;
        let policy = name((observations, 64, actions));
        let of = |measured| find(measured, &format!("tick_{observations}_{actions}"), &task, true);
        Ok(Tick { plain: Some(of(&plain)?), assembly: of(&assembly)?, policy, task })
    });
    let mut ticks: Vec<Tick> = ticks.collect::<Result<_>>()?;
    let function = format!("tick_{}_{}_{}", WIDE.0, WIDE.1, WIDE.2);
    let assembly = find(&assembly, &function, &wide, false)?;
    let policy = format!("{} in i8", name(WIDE));
    ticks.push(Tick { task: wide, policy, plain: None, assembly });
    Ok(ticks)
}

/// Returns the measurement for a task's sizes. With `model`, the tick must have compared a prediction.
fn find(measured: &[Measured], function: &str, task: &Task, model: bool) -> Result<Measured> {
    let found = measured.iter().find(|found| found.function == function);
    let found = found.with_context(|| {
        format!("{} has sizes that firmware/bench/src/bin/tick.rs lacks: add {function}", task.name)
    })?;
    // In RUN, with a prediction compared, and with a reply.
    let compared = f32::from(model);
    if !matches!(found.outputs[..], [1.0, c, length] if c == compared && length > 0.0) {
        bail!("{function} did not do a whole tick: {:?}", found.outputs);
    }
    Ok(found.clone())
}

impl Tick {
    fn period(&self) -> f64 {
        ACTION_REPEAT * self.task.control_timestep
    }

    /// Model cycles of the slower build as a share of the period.
    fn share(&self) -> f64 {
        let plain = self.plain.as_ref().map_or(0, |plain| plain.model_cycles);
        plain.max(self.assembly.model_cycles) as f64 / (HERTZ * self.period())
    }

    /// A figure of the build with the kernels in Rust, or `none` where it was not measured.
    fn plain(&self, figure: impl Fn(&Measured) -> u64, none: &str) -> String {
        self.plain.as_ref().map_or_else(|| none.to_owned(), |plain| figure(plain).to_string())
    }
}

/// The table in Markdown, for the page and for the terminal.
pub(super) fn table(ticks: &[Tick]) -> String {
    let mut text = "| task | policy | instructions | with `asm` | model cycles | with `asm` | period | share of the period |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for tick in ticks {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {:.0} ms | {:.3} % |",
            tick.task.name,
            tick.policy,
            tick.plain(|plain| plain.instructions, "-"),
            tick.assembly.instructions,
            tick.plain(|plain| plain.model_cycles, "-"),
            tick.assembly.model_cycles,
            1e3 * tick.period(),
            100.0 * tick.share()
        );
    }
    text
}

/// The CSV file, one line for each task.
pub(super) fn csv(ticks: &[Tick]) -> String {
    let mut text = "task,policy,period_ms,instructions,instructions_asm,model_cycles,\
                    model_cycles_asm,share_of_period\n"
        .to_owned();
    for tick in ticks {
        let _ = writeln!(
            text,
            "{},{},{:.0},{},{},{},{},{:.6}",
            tick.task.name,
            tick.policy,
            1e3 * tick.period(),
            tick.plain(|plain| plain.instructions, ""),
            tick.assembly.instructions,
            tick.plain(|plain| plain.model_cycles, ""),
            tick.assembly.model_cycles,
            tick.share()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(observations: usize) -> Task {
        Task { name: "hopper".into(), observations, actions: 1, control_timestep: 0.01 }
    }

    fn measured(outputs: &[f32]) -> Measured {
        let function = "tick_5_1".to_owned();
        Measured { function, instructions: 1, model_cycles: 67_200, outputs: outputs.to_vec() }
    }

    #[test]
    fn the_share_is_that_of_the_slower_build_in_the_period_of_a_decision() {
        let (plain, mut assembly) = (measured(&[]), measured(&[]));
        assembly.model_cycles = 1;
        // 67 200 cycles are 0.4 ms, of 40.
        let mut tick = Tick { task: task(5), policy: String::new(), plain: Some(plain), assembly };
        assert!((tick.share() - 0.01).abs() < 1e-12);
        assert_eq!(tick.plain(|plain| plain.model_cycles, "-"), "67200");
        // Where only the assembly was measured, it is the slower one.
        tick.plain = None;
        assert!((tick.share() - 1.0 / 6.72e6).abs() < 1e-12);
        assert_eq!(tick.plain(|plain| plain.model_cycles, "-"), "-");
    }

    #[test]
    fn a_missing_measurement_and_an_incomplete_tick_are_refused() {
        let of = |outputs: &[f32], name, model| find(&[measured(outputs)], name, &task(5), model);
        assert!(of(&[1.0, 1.0, 24.0], "tick_5_1", true).is_ok());
        assert!(of(&[1.0, 1.0, 24.0], "tick_15_1", true).is_err());
        assert!(of(&[1.0, 0.0, 24.0], "tick_5_1", false).is_ok());
        assert!(of(&[1.0, 1.0, 24.0], "tick_5_1", false).is_err());
        for outputs in [[0.0, 1.0, 24.0], [1.0, 0.0, 24.0], [1.0, 1.0, 0.0]] {
            assert!(of(&outputs, "tick_5_1", true).is_err());
        }
    }
}
