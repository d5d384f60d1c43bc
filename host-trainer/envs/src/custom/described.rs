//! A task that is described by a TOML file, as an implementation of the two traits.

use super::goal::Goal;
use super::quantity::Reader;
use super::settings::{Observed, Settings};
use super::start::Starter;
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Bound, Definition, Signal, Source};

/// The definition of a task that was read from its files.
#[derive(Debug)]
pub(crate) struct Described {
    source: Source,
    name: String,
    pub(super) settings: Settings,
}

impl Described {
    /// # Errors
    /// [`Error::Custom`] with the first mistake.
    pub(crate) fn new(source: Source) -> Result<Self, Error> {
        // The TOML was parsed before, for the model's name, so that it cannot fail here.
        let table = source.toml.parse().unwrap_or_default();
        let settings = Settings::take(table).map_err(|mistake| source.error(mistake))?;
        Ok(Self { name: source.task_name(), source, settings })
    }

    fn signals(observed: &Observed, reader: &Reader) -> Vec<Signal> {
        let unit = observed.unit.clone();
        let label = |label: &String| match (observed.name.as_str(), label.as_str()) {
            (name, "") => name.to_owned(),
            (name, label) => format!("{name}_{label}"),
        };
        let names = match reader.labels() {
            [] => vec![observed.name.clone()],
            labels => labels.iter().map(label).collect(),
        };
        let unit = match unit {
            // Leaked like the task itself: a few words for each task.
            Some(unit) => &*Box::leak(unit.into_boxed_str()),
            None => reader.unit,
        };
        let signal = |name| Signal::new(name, unit, observed.range.0, observed.range.1);
        names.into_iter().map(signal).collect()
    }
}

impl Definition for Described {
    fn name(&self) -> &str {
        &self.name
    }

    fn mjcf(&self) -> &str {
        &self.source.mjcf
    }

    fn rate_hz(&self) -> f64 {
        self.settings.rate_hz
    }

    fn episode_seconds(&self) -> f64 {
        self.settings.episode_seconds
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }

    fn terminates(&self) -> bool {
        !self.settings.terminations.is_empty()
    }

    fn train(&self) -> toml::Table {
        self.settings.train.clone()
    }

    fn bind(&self, names: &Names<'_>) -> Result<Bound, Error> {
        let settings = &self.settings;
        let reader = |observed: &Observed| Ok((observed.quantity.bind(names)?, observed.range));
        let readers = settings.observations.iter().map(reader);
        let readers = readers.collect::<Result<Vec<_>, Error>>()?;
        let observations = settings.observations.iter().zip(&readers);
        let observations =
            observations.flat_map(|(observed, (reader, _))| Self::signals(observed, reader));
        Ok(Bound {
            observations: observations.collect(),
            behaviour: Box::new(Episode {
                goal: Goal::bind(settings.combine, &settings.terms, &settings.terminations, names)?,
                starter: settings.start.bind(names)?,
                readers,
            }),
        })
    }
}

/// A described task bound to a model: what it reads, rewards and starts from.
#[derive(Debug)]
struct Episode {
    readers: Vec<(Reader, (f64, f64))>,
    goal: Goal,
    starter: Starter,
}

impl Behaviour for Episode {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        self.starter.draw(physics, random)
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let mut first = 0;
        for (reader, (low, high)) in &self.readers {
            reader.read(physics, |at, value| observation[first + at] = value.clamp(*low, *high));
            first += reader.len();
        }
    }

    fn reward(&self, physics: &Physics) -> f64 {
        self.goal.reward(physics)
    }

    fn terminated(&self, physics: &Physics) -> bool {
        self.goal.terminated(physics)
    }
}
