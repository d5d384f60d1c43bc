//! The settings of a task: its TOML as checked values.

use toml::Table;

use super::goal::{Combine, Term, Termination};
use super::quantity::{KINDS, MODIFIERS, Quantity};
use super::section::{Mistake, Section};
use super::start::Start;

/// Most tables of a list.
const MOST_TABLES: usize = 256;

/// An `[[observation]]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    pub(super) quantity: Quantity,
    pub(super) name: String,
    pub(super) unit: Option<String>,
    /// Readings are clipped to this range; the guard on the microcontroller refuses readings outside.
    pub(super) range: (f64, f64),
}

/// The settings of a task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) rate_hz: f64,
    pub(super) episode_seconds: f64,
    pub(super) observations: Vec<Observed>,
    pub(super) combine: Combine,
    pub(super) terms: Vec<Term>,
    pub(super) terminations: Vec<Termination>,
    pub(super) start: Start,
    pub(super) train: Table,
}

const KEYS: [&str; 8] =
    ["model", "rate_hz", "episode_seconds", "observation", "reward", "terminate", "start", "train"];

/// The results of `take` for every table of a list.
fn each<T>(
    place: &str,
    tables: Vec<Table>,
    keys: &[&'static str],
    mut take: impl FnMut(Section) -> Result<T, Mistake>,
) -> Result<Vec<T>, Mistake> {
    if tables.len() > MOST_TABLES {
        return Err(format!(
            "there are {} tables [[{place}]]: at most {MOST_TABLES} are allowed",
            tables.len()
        ));
    }
    let sections = tables.into_iter().enumerate();
    sections
        .map(|(index, table)| take(Section::new(format!("{place} {}", index + 1), table, keys)?))
        .collect()
}

impl Settings {
    /// Reads the settings from a parsed TOML.
    pub(super) fn take(table: Table) -> Result<Self, Mistake> {
        let mut section = Section::new("", table, &KEYS)?;
        let positive = |key: &str, value: f64, section: &Section| {
            if value > 0.0 && value.is_finite() {
                return Ok(value);
            }
            Err(section
                .mistake(format!("{key} = {value} is invalid: it must be above 0 and finite")))
        };
        let rate_hz = section.required("rate_hz")?;
        let rate_hz = positive("rate_hz", rate_hz, &section)?;
        let episode_seconds = section.required("episode_seconds")?;
        let episode_seconds = positive("episode_seconds", episode_seconds, &section)?;

        let keys = [&KINDS[..], &MODIFIERS, &["name", "unit", "range"]].concat();
        let observations = each("observation", section.tables("observation")?, &keys, observed)?;
        if observations.is_empty() {
            return Err(section.mistake("there is no [[observation]]: add at least one"));
        }
        let mut reward = Section::new("reward", section.table("reward")?, &["combine", "term"])?;
        let combine = Combine::take(&mut reward)?;
        let terms = each("reward.term", reward.tables("term")?, &Term::keys(), |mut term| {
            Term::take(&mut term, combine)
        })?;
        if terms.is_empty() {
            return Err(section.mistake("there is no [[reward.term]]: add at least one"));
        }
        let ends = section.tables("terminate")?;
        let terminations =
            each("terminate", ends, &Termination::keys(), |mut end| Termination::take(&mut end))?;
        Ok(Self {
            rate_hz,
            episode_seconds,
            observations,
            combine,
            terms,
            terminations,
            start: Start::take(section.table("start")?)?,
            train: section.table("train")?,
        })
    }
}

fn observed(mut section: Section) -> Result<Observed, Mistake> {
    let quantity = Quantity::take(&mut section)?;
    let natural = quantity.natural_range();
    let range = section.finite_pair("range")?.or(natural).ok_or_else(|| {
        section.mistake(
            "range = [least, greatest] is missing: readings are clipped to it, and the microcontroller refuses readings outside",
        )
    })?;
    if range.0 >= range.1 {
        return Err(section.mistake(format!("range = [{}, {}] is empty", range.0, range.1)));
    }
    let name = section.text("name")?.unwrap_or_else(|| quantity.default_name());
    Ok(Observed { name, unit: section.text("unit")?, range, quantity })
}
