//! A whole tick of each task's policy, as a share of the control period.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::networks::{WIDE, name};
use super::trace::{self, Measured};
use crate::host::HostTrainer;
use crate::project::Project;
use crate::run;

/// The chip's clock.
const HERTZ: f64 = 168e6;
/// Control steps of a decision, as trained.
const ACTION_REPEAT: f64 = 4.0;

/// A task as the trainer lists it.
#[derive(Debug, Clone, Deserialize)]
struct Task {
    name: String,
    observations: usize,
    actions: usize,
    control_timestep: f64,
}

/// The task whose policy of the paper's width is measured, too.
const WIDE_TASK: &str = "cheetah-run";

/// A task's tick in plain Rust and with the kernels in assembly.
pub(crate) struct Tick {
    task: Task,
    policy: String,
    /// None where it takes longer than the program's clock counts.
    plain: Option<Measured>,
    assembly: Measured,
}

/// Measures all tasks that the trainer knows.
///
/// # Errors
/// When something does not build or fails in the emulator, or a task's sizes are not measured.
pub(crate) fn measure(project: &Project) -> Result<Vec<Tick>> {
    // Whatever was built last knows the tasks: building the trainer would take longer than counting.
    let host = HostTrainer::find(project).map_or_else(|| HostTrainer::build(project), Ok)?;
    let mut list = host.command(project);
    let output = run::output(list.args(["tasks", "--json"]))?;
    if !output.status.success() {
        bail!("host-trainer cannot list the tasks: {}", run::last_line(&output.stderr));
    }
    let tasks: Vec<Task> =
        serde_json::from_slice(&output.stdout).context("reading the list of tasks")?;
    let run = |features| trace::run(&super::subject::ours(project, "tick", features)?);
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

/// The measurement of a task's sizes, with a `model` to compare predictions of or without.
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

    /// Model cycles of the slower of both as a share of the period.
    fn share(&self) -> f64 {
        let plain = self.plain.as_ref().map_or(0, |plain| plain.model_cycles);
        plain.max(self.assembly.model_cycles) as f64 / (HERTZ * self.period())
    }

    /// A figure of the build in plain Rust, or what stands for it where there is none.
    fn plain(&self, figure: impl Fn(&Measured) -> u64, none: &str) -> String {
        self.plain.as_ref().map_or_else(|| none.to_owned(), |plain| figure(plain).to_string())
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

/// One line a task.
pub(crate) fn csv(ticks: &[Tick]) -> String {
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
    fn the_share_is_that_of_the_slower_build_in_a_decisions_period() {
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
    fn a_task_that_is_not_measured_and_a_tick_that_is_none_are_noticed() {
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
