//! A recorded episode, replayed: JSON in, JSON out.
//!
//! The request is `{"task", "state", "model", "actions", "repeat"}`: the full integration state
//! (`mjSTATE_INTEGRATION`, flat), optionally edited arrays of the model (each flat, under
//! MuJoCo's name), one action in [-1, 1] for each decision, and the control steps for which it
//! is held. The reply is `{"observations", "rewards"}` with one entry a decision.

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

/// What to replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The task's name.
    pub task: String,
    /// The full integration state to start from.
    pub state: Vec<f64>,
    /// Edited arrays of the model, by MuJoCo's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model: BTreeMap<String, Vec<f64>>,
    /// One action a decision.
    pub actions: Vec<Vec<f64>>,
    /// Control steps a decision.
    pub repeat: u32,
}

impl Request {
    /// The decisions that led to a diverged simulation.
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

/// What came of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Reply {
    /// The observation after each decision.
    pub observations: Vec<Vec<f64>>,
    /// The reward of each decision, summed over its control steps.
    pub rewards: Vec<f64>,
}

impl Reply {
    /// JSON with 17 significant digits, which tell every f64 from its neighbours.
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

/// Reads a request. A recording, which holds the expected reply as well, is one.
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
    // Only "model" may be missing, so a misspelt "model" is all that could pass in silence.
    let unknown = document.rest.keys().filter(|key| !KEYS.contains(&key.as_str()));
    for key in unknown {
        if let Some(meant) = KEYS.iter().find(|known| distance(known, key) <= 2) {
            return Err(Error::Request(format!("unknown key {key:?}: did you mean {meant:?}?")));
        }
    }
    Ok(document.request)
}

/// An error, with the steps before it counted: a replay is no episode of its own.
fn later(mut error: Error, steps: u32) -> Error {
    if let Error::Diverged(divergence) = &mut error {
        divergence.step = divergence.step.saturating_add(steps);
    }
    error
}

/// Replays a request.
///
/// # Errors
/// [`Error::UnknownTask`], [`Error::Request`], [`Error::Size`] and [`Error::NotFinite`] for what
/// is wrong with it; [`Error::Diverged`] when the simulation blows up on the way.
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
