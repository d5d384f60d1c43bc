//! A saved episode, as data.

pub(crate) mod field;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::random::RandomState;
use field::Field;

/// An episode at the end of a decision. After a restore it continues bit for bit, in any environment
/// of the same task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The task.
    pub task: String,
    /// MuJoCo's full integration state (`mjSTATE_INTEGRATION`), the solver's warm start included.
    pub integration: Vec<f64>,
    /// The arrays of the model that the episode's start edited, each flat.
    pub model: BTreeMap<Field, Vec<f64>>,
    /// Control steps made in the episode; none when no episode is running.
    pub step: Option<u32>,
    /// The generator that draws the next episodes.
    pub random: RandomState,
}
