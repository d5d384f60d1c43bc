//! Benchmarks of the simulator: the speed of decisions, and MuJoCo's share of their time.

pub mod speed;
pub mod train;

use anyhow::Result;
use daa_envs::parallel;
use daa_envs::streams::{Purpose, stream, stream_number};
use daa_envs::{self as task, Environment, Task};
use rand::RngExt as _;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Control steps for which an action is held.
const ACTION_REPEAT: u32 = 4;

/// Number of comparisons of one thread with two.
const TURNS: u32 = 5;

/// Speed of a task with uniformly drawn actions.
#[derive(Clone, Debug, Serialize)]
pub struct EnvReport {
    /// The task.
    pub task: &'static str,
    /// Decisions of four control steps each, per CPU second.
    pub decisions_per_cpu_second: f64,
    /// Share of the time that MuJoCo's functions take.
    pub share_in_mujoco: f64,
    /// Decisions per second on two threads divided by those on one.
    pub scaling_on_two_threads: f64,
    /// Decisions per CPU second of Python dm_control; none where it is not installed.
    pub dm_control_per_cpu_second: Option<f64>,
}

/// Takes `decisions` decisions in a new environment.
fn run(task: &'static Task, index: u64, decisions: u32) -> Result<()> {
    let stream_number = stream_number(Purpose::Environment, index);
    let mut environment = Environment::new(task, ACTION_REPEAT, 1, stream_number)?;
    let mut observation = vec![0.0; task.observations.len()];
    let mut rng = stream(1, Purpose::Acting, index);
    let mut action = vec![0.0; task.actions.len()];
    environment.reset(&mut observation)?;
    for _ in 0..decisions {
        action.iter_mut().for_each(|action| *action = rng.random_range(-1.0..=1.0));
        let step = environment.step(&action, &mut observation)?;
        if step.truncated || step.terminated {
            environment.reset(&mut observation)?;
        }
    }
    Ok(())
}

/// Wall seconds of `threads` threads that take `decisions` decisions each.
fn wall_seconds(task: &'static Task, threads: usize, decisions: u32) -> Result<f64> {
    let start = Instant::now();
    let results = parallel::map(threads, threads, |index| run(task, index as u64, decisions));
    results.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Measures one task for about `seconds` in all.
///
/// # Errors
/// [`task::Error`] of the environment.
pub fn env(task: &'static Task, seconds: f64) -> Result<EnvReport> {
    let (begun, half) = (Instant::now(), Duration::from_secs_f64(seconds / 2.0));
    let alone = speed::measure(task, ACTION_REPEAT, half, || begun.elapsed())?;
    let decisions = |seconds: f64| (alone.decisions_per_second * seconds).clamp(50.0, 1e7) as u32;
    // The median of several comparisons is robust against other load on the machine.
    let turn = decisions(seconds / 4.0 / f64::from(TURNS));
    let mut scaling = (0..TURNS)
        .map(|_| Ok(2.0 * wall_seconds(task, 1, turn)? / wall_seconds(task, 2, turn)?))
        .collect::<Result<Vec<_>>>()?;
    scaling.sort_by(f64::total_cmp);
    Ok(EnvReport {
        task: task.name,
        decisions_per_cpu_second: alone.decisions_per_second,
        share_in_mujoco: alone.mujoco_share,
        scaling_on_two_threads: scaling[scaling.len() / 2],
        dm_control_per_cpu_second: python(task, decisions(seconds / 20.0)),
    })
}

/// The Python interpreter in `DM_CONTROL_PYTHON`, or the one that `cargo xtask record` installs.
fn interpreter() -> Option<PathBuf> {
    let asked = std::env::var_os("DM_CONTROL_PYTHON").map(PathBuf::from);
    let beside = task::suite_dir().ok()?.parent()?.parent()?.join("python/bin/python");
    asked.or_else(|| beside.exists().then_some(beside))
}

/// Decisions per CPU second of Python dm_control; none where it is not installed.
fn python(task: &Task, decisions: u32) -> Option<f64> {
    let (domain, name) = task.name.split_once('-').filter(|_| !task.is_custom())?;
    let program = include_str!("dm_control.py");
    let output = Command::new(interpreter()?)
        .args(["-c", program, domain, name, &decisions.to_string(), &ACTION_REPEAT.to_string()])
        .current_dir(Path::new("/"))
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
