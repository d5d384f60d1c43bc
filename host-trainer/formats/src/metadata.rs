//! The signals in the metadata of an image, with their statistics.

use anyhow::{Result, bail};
use daa_core::image::{ActionSignal, MAX_ACTIONS, MAX_OBSERVATIONS, ObservationSignal};
use daa_core::policy::ActionLimits;
use daa_envs::Task;
use daa_envs::running_stats::ObservationScale;

/// The observations of a task with their statistics.
pub(crate) fn observation_signals<'a>(
    task: &'a Task,
    scale: &ObservationScale,
) -> Result<heapless::Vec<ObservationSignal<'a>, MAX_OBSERVATIONS>> {
    let unit = |unit: &'static str| if unit == "1" { "" } else { unit };
    let mut observations = heapless::Vec::new();
    for (signal, (mean, deviation)) in
        task.observations.iter().zip(scale.mean.iter().zip(&scale.std))
    {
        let signal = ObservationSignal {
            name: &signal.name,
            unit: unit(signal.unit),
            low: signal.low as f32,
            high: signal.high as f32,
            mean: *mean,
            deviation: *deviation,
        };
        if observations.push(signal).is_err() {
            bail!("{} has more than {MAX_OBSERVATIONS} observations", task.name);
        }
    }
    Ok(observations)
}

/// The actions of a task as normalised commands, which the environment or the board of the firmware maps to
/// actuators.
pub(crate) fn action_signals<'a>(
    task: &'a Task,
    limits: &[ActionLimits],
) -> Result<heapless::Vec<ActionSignal<'a>, MAX_ACTIONS>> {
    let mut actions = heapless::Vec::new();
    for (signal, ActionLimits { low, high }) in task.actions.iter().zip(limits) {
        let signal = ActionSignal { name: &signal.name, unit: "", low: *low, high: *high };
        if actions.push(signal).is_err() {
            bail!("{} has more than {MAX_ACTIONS} actions", task.name);
        }
    }
    Ok(actions)
}

/// Checks that every visited observation is within the ranges that the guard of the image checks.
pub(crate) fn check_ranges(task: &Task, visited: &[f32]) -> Result<()> {
    let signals = &task.observations;
    for observation in visited.chunks_exact(signals.len()) {
        for (value, signal) in observation.iter().zip(signals) {
            if !(signal.low as f32..=signal.high as f32).contains(value) {
                let (name, low, high) = (&signal.name, signal.low, signal.high);
                bail!(
                    "{name} was seen at {value}, outside its declared range {low} to {high}: nothing was exported"
                );
            }
        }
    }
    Ok(())
}
