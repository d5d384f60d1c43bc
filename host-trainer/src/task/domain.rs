//! The domains behind one type: how an episode starts, what is seen, what is rewarded.

use super::cartpole::{self, Cartpole};
use super::error::Error;
use super::field::Field;
use super::model::Xml;
use super::physics::{Names, Physics};
use super::random::Random;

/// A task of a domain, as far as it is known without its model.
#[derive(Debug, Clone, Copy)]
pub(super) enum Variant {
    Cartpole(cartpole::Variant),
}

impl Variant {
    /// The model file in dm_control's suite.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Cartpole(_) => "cartpole.xml",
        }
    }

    /// dm_control's edits of the model file.
    pub(super) fn edit(self, xml: Xml) -> Result<Xml, Error> {
        match self {
            Self::Cartpole(variant) => cartpole::edit(variant, xml),
        }
    }

    /// Model fields that the start of an episode edits.
    pub(super) fn edited_fields(self) -> &'static [Field] {
        match self {
            Self::Cartpole(_) => &[],
        }
    }

    /// The task with its places in the compiled model.
    pub(super) fn bind(self, names: &Names<'_>) -> Result<Domain, Error> {
        Ok(match self {
            Self::Cartpole(variant) => Domain::Cartpole(Cartpole::bind(variant, names)?),
        })
    }
}

/// A task bound to a compiled model.
#[derive(Debug)]
pub(super) enum Domain {
    Cartpole(Cartpole),
}

impl Domain {
    /// Draws the start of an episode, between the two settlings of dm_control's reset. None when
    /// no valid start was found; the number says how often it was tried.
    pub(super) fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        match self {
            Self::Cartpole(domain) => domain.start(physics, random),
        }
        Ok(())
    }

    /// Writes the observation.
    pub(super) fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        match self {
            Self::Cartpole(domain) => domain.observe(physics, observation),
        }
    }

    /// Reward of the current state, in 0..=1.
    pub(super) fn reward(&self, physics: &Physics) -> f64 {
        match self {
            Self::Cartpole(domain) => domain.reward(physics),
        }
    }
}

/// So many attempts at a valid start failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts(pub(super) u32);
