//! Replays of recorded episodes: a JSON request, a JSON reply.
//!
//! The request is `{"task", "state", "model", "actions", "repeat"}`: the full integration state
//! (`mjSTATE_INTEGRATION`, flat), optionally edited arrays of the model (each flat, by
//! MuJoCo's name), one action in [-1, 1] for each decision, and the control steps for which it
//! is held. The reply is `{"observations", "rewards"}` with one entry for each decision.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::env::Environment;
use crate::error::{Divergence, Error};
use crate::mujoco::physics::Stepping;
use crate::nearest::distance;
use crate::registry::find;
use crate::state::field::Field;

/// A replay request: a state and the actions that follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The task's name.
    pub task: String,
    /// The full integration state to start from.
    pub state: Vec<f64>,
    /// Edited arrays of the model, by MuJoCo's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model: BTreeMap<String, Vec<f64>>,
    /// One action for each decision.
    pub actions: Vec<Vec<f64>>,
    /// Control steps of each decision.
    pub repeat: u32,
}

impl Request {
    /// A request that replays the decisions before a divergence.
    #[must_use]
    pub fn of_divergence(divergence: &Divergence, repeat: u32) -> Self {
        let before = divergence.before.clone();
        Self {
            task: before.task,
            state: before.integration,
            model: before
                .model
                .into_iter()
                .map(|(field, values)| (field.name().to_owned(), values))
                .collect(),
            actions: divergence.actions.clone(),
            repeat,
        }
    }
}

/// A replay's result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Reply {
    /// The observation after each decision.
    pub observations: Vec<Vec<f64>>,
    /// The reward of each decision, summed over its control steps.
    pub rewards: Vec<f64>,
}

impl Reply {
    /// The reply as JSON. 17 significant digits distinguish every f64 from its neighbours.
    #[must_use]
    pub fn to_json(&self) -> String {
        let list = |values: &[f64]| {
            let mut text = String::from("[");
            for (index, value) in values.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                // Writing to a String cannot fail.
                let _ = write!(text, "{comma}{value:.16e}");
            }
            text + "]"
        };
        let observations: Vec<_> = self.observations.iter().map(|row| list(row)).collect();
        format!(
            "{{\"observations\": [{}],\n\"rewards\": {}}}\n",
            observations.join(",\n"),
            list(&self.rewards)
        )
    }
}

/// Replays a JSON request and answers in JSON.
///
/// # Errors
/// [`Error::Request`] where the JSON is not a request; what [`run`] returns.
pub fn replay(json: &str) -> Result<String, Error> {
    Ok(run(&parse(json)?, Stepping::Exact)?.to_json())
}

/// Reads a request. A recording is a request, too: the expected reply that it also holds is ignored.
///
/// # Errors
/// [`Error::Request`] with the place in the JSON, or the misspelt key.
pub fn parse(json: &str) -> Result<Request, Error> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(flatten)]
        request: Request,
        #[serde(flatten)]
        rest: BTreeMap<String, IgnoredAny>,
    }
    const KEYS: [&str; 5] = ["task", "state", "model", "actions", "repeat"];
    let invalid = |error: serde_json::Error| Error::Request(error.to_string());
    let document: Document = serde_json::from_str(json).map_err(invalid)?;
    // Only "model" is optional: without this check a misspelt "model" would be ignored.
    let unknown = document.rest.keys().filter(|key| !KEYS.contains(&key.as_str()));
    for key in unknown {
        if let Some(meant) = KEYS.iter().find(|known| distance(known, key) <= 2) {
            return Err(Error::Request(format!("unknown key {key:?}: did you mean {meant:?}?")));
        }
    }
    Ok(document.request)
}

/// Adds the control steps of earlier decisions to the step of a divergence, which counts from the
/// replay's current decision.
fn later(mut error: Error, steps: u32) -> Error {
    if let Error::Diverged(divergence) = &mut error {
        divergence.step = divergence.step.saturating_add(steps);
    }
    error
}

/// Replays a request.
///
/// # Errors
/// [`Error::UnknownTask`], [`Error::Request`], [`Error::Size`] and [`Error::NotFinite`] for an invalid
/// request; [`Error::Diverged`] when the simulation diverges.
pub fn run(request: &Request, stepping: Stepping) -> Result<Reply, Error> {
    let task = find(&request.task)?;
    let mut environment = Environment::new(task, request.repeat, 0, 0)?;
    let mut edits = BTreeMap::new();
    for (name, values) in &request.model {
        let field: Field = name.parse().map_err(Error::Request)?;
        edits.insert(field, values.clone());
    }
    environment.check_place(&request.state, &edits)?;
    environment.place(&request.state, &edits)?;
    environment.set_stepping(stepping);
    let mut reply = Reply {
        observations: Vec::with_capacity(request.actions.len()),
        rewards: Vec::with_capacity(request.actions.len()),
    };
    for (decision, action) in (0..).zip(&request.actions) {
        let held = environment.hold(action, request.repeat);
        reply
            .rewards
            .push(held.map_err(|error| later(error, request.repeat.saturating_mul(decision)))?.0);
        let mut observation = vec![0.0; task.observations.len()];
        environment.observe(&mut observation);
        reply.observations.push(observation);
    }
    Ok(reply)
}
