//! The way from a known state to now, so that a diverged simulation can be seen again.

use super::environment::Environment;
use super::error::{Divergence, Error};

/// Decisions between two known states. Taking one costs as much as a tenth of the fastest
/// decision.
const DECISIONS: usize = 50;

/// A state of the running episode and the actions since: MuJoCo forgets both when it diverges.
#[derive(Debug, Default)]
pub(super) struct Trace {
    integration: Vec<f64>,
    step: Option<u32>,
    /// Flat, as many as there are actuators for each decision.
    actions: Vec<f64>,
    decisions: usize,
}

impl Trace {
    /// Forgets the past: the next decision begins with a known state.
    pub(super) fn cut(&mut self) {
        self.decisions = DECISIONS;
    }
}

impl Environment {
    /// Notes an action before it is carried out.
    pub(super) fn trace(&mut self, action: &[f64]) {
        if self.trace.decisions == DECISIONS || self.trace.integration.is_empty() {
            self.physics.integration_state(&mut self.trace.integration);
            self.trace.step = self.step;
            self.trace.actions.clear();
            self.trace.decisions = 0;
        }
        self.trace.actions.extend_from_slice(action);
        self.trace.decisions += 1;
    }

    /// The error for a simulation that diverged in a control step of the current decision. The
    /// episode is over.
    #[cold]
    pub(super) fn diverged(&mut self, warning: &'static str, step: u32) -> Error {
        let made = self.step.take().unwrap_or_default();
        let trace = std::mem::take(&mut self.trace);
        let before = super::State { step: trace.step, ..self.state_with(trace.integration) };
        let actions = trace.actions.chunks(self.task.actions.len());
        Error::Diverged(Box::new(Divergence {
            task: self.task.name.to_owned(),
            seed: before.random.seed,
            stream: before.random.stream,
            step: made + step,
            warning,
            before,
            actions: actions.map(<[f64]>::to_vec).collect(),
        }))
    }
}
