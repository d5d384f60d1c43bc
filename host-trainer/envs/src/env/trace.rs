//! The path from a known state to the current one, so that a diverged simulation can be replayed.

use crate::mujoco::physics::Physics;

/// Decisions between two known states. Saving one costs up to a tenth of the fastest decision.
const DECISIONS: usize = 50;

/// A state of the running episode and the actions since. MuJoCo overwrites both when it diverges.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(super) integration: Vec<f64>,
    pub(super) step: Option<u32>,
    /// Flat, one action after the other.
    pub(super) actions: Vec<f64>,
    decisions: usize,
}

impl Trace {
    /// Forgets the past: the next decision saves the state before it.
    pub(super) fn cut(&mut self) {
        self.decisions = DECISIONS;
    }

    /// Notes an action before it is carried out in control step `step` of the episode.
    pub(super) fn note(&mut self, physics: &Physics, step: Option<u32>, action: &[f64]) {
        if self.decisions == DECISIONS || self.integration.is_empty() {
            physics.integration_state(&mut self.integration);
            self.step = step;
            self.actions.clear();
            self.decisions = 0;
        }
        self.actions.extend_from_slice(action);
        self.decisions += 1;
    }
}
