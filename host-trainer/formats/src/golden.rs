//! Golden vectors: pairs of observation and action in an image. The firmware computes them before it uses the
//! image.

use anyhow::{Context, Result};
use daa_envs::agent::Agent;
use daa_envs::{Signal, Task};

/// Number of golden vectors of visited observations, in addition to those of the limits.
const GOLDEN_VISITED: usize = 32;

/// Golden vectors of visited observations, then of limits: all low, all high, and alternating.
pub(crate) fn golden_vectors(task: &Task, agent: &Agent, visited: &[f32]) -> Result<Vec<f32>> {
    let (observations, actions) = (agent.shape.input, agent.shape.output);
    let rows = visited.len() / observations;
    let spread = (0..GOLDEN_VISITED).map(|i| {
        let row = i * (rows - 1) / (GOLDEN_VISITED - 1);
        visited[row * observations..(row + 1) * observations].to_vec()
    });
    let signals = &task.observations;
    let limits = [[false, false], [true, true], [false, true], [true, false]].map(|high| {
        let side = |(i, signal): (usize, &Signal)| {
            (if high[i % 2] { signal.high } else { signal.low }) as f32
        };
        signals.iter().enumerate().map(side).collect::<Vec<f32>>()
    });
    let mut inverse = vec![0.0; observations];
    let policy = agent.policy(&mut inverse).context("the policy does not fit its parts")?;
    let (mut scratch, mut action) = (vec![0.0; policy.scratch_len()], vec![0.0; actions]);
    let mut golden = Vec::new();
    for observation in spread.chain(limits) {
        policy.mode(&observation, &mut scratch, &mut action);
        golden.extend_from_slice(&observation);
        golden.extend_from_slice(&action);
    }
    Ok(golden)
}
