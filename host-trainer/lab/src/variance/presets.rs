//! Named sizes of a measurement.

use anyhow::{Result, bail};

/// Everything that a flag of its own can change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Preset {
    /// Its name.
    pub(super) name: &'static str,
    /// Steps of gradient ascent before the measurement.
    pub(super) updates: u16,
    /// States of each of them.
    pub(super) update_states: u32,
    /// Hidden layers of the new policy.
    pub(super) hidden: &'static [u16],
    /// States measured.
    pub(super) states: u32,
    /// Actions of each.
    pub(super) actions: u16,
    /// Rollouts of each action.
    pub(super) rollouts: u16,
    /// Decisions of a rollout.
    pub(super) horizon: u32,
    /// T
    pub(super) trajectory_len: u32,
}

/// The paper's Table 1, and something for a first look.
const PRESETS: [Preset; 2] = [
    Preset {
        name: "table-1",
        updates: 20,
        update_states: 5500,
        hidden: &[128],
        states: 10_000,
        actions: 3,
        rollouts: 2,
        horizon: 100,
        trajectory_len: 100,
    },
    Preset {
        name: "quick",
        updates: 2,
        update_states: 500,
        hidden: &[32],
        states: 800,
        actions: 3,
        rollouts: 2,
        horizon: 20,
        trajectory_len: 20,
    },
];

impl Preset {
    /// The preset of a name; `table-1` where none is given.
    pub(super) fn find(name: Option<&str>) -> Result<&'static Self> {
        let name = name.unwrap_or(PRESETS[0].name);
        let Some(found) = PRESETS.iter().find(|preset| preset.name == name) else {
            let nearest = PRESETS.iter().min_by_key(|p| strsim::damerau_levenshtein(p.name, name));
            let nearest = nearest.map_or("", |preset| preset.name);
            bail!("unknown preset {name:?}: did you mean {nearest}?");
        };
        Ok(found)
    }
}
