//! The domains behind one type: how an episode starts, what is seen, what is rewarded.

use super::acrobot::{self, Acrobot};
use super::ball_in_cup::{self, BallInCup};
use super::cartpole::{self, Cartpole};
use super::cheetah::{self, Cheetah};
use super::error::Error;
use super::field::Field;
use super::finger::{self, Finger};
use super::humanoid::{self, Humanoid};
use super::model::Xml;
use super::own::{self, Behaviour, Own};
use super::pendulum::{self, Pendulum};
use super::physics::{Names, Physics};
use super::point_mass::{self, PointMass};
use super::quadruped::{self, Quadruped};
use super::random::Random;
use super::reacher::{self, Reacher};
use super::spec::Task;
use super::start::Attempts;
use super::walker::{self, Walker};

/// The tasks of all domains.
pub(super) fn tasks() -> Vec<Task> {
    [
        acrobot::tasks(),
        ball_in_cup::tasks(),
        cartpole::tasks(),
        cheetah::tasks(),
        finger::tasks(),
        humanoid::tasks(),
        pendulum::tasks(),
        point_mass::tasks(),
        quadruped::tasks(),
        reacher::tasks(),
        walker::tasks(),
    ]
    .concat()
}

/// A task of a domain, as far as it is known without its model.
#[derive(Debug, Clone, Copy)]
pub(super) enum Variant {
    Acrobot,
    BallInCup,
    Cartpole(cartpole::Variant),
    Cheetah,
    Finger(finger::Variant),
    Humanoid(humanoid::Variant),
    Pendulum,
    PointMass,
    Quadruped(quadruped::Variant),
    Reacher(reacher::Variant),
    Walker(walker::Variant),
    /// Of the user's own.
    Own(&'static Own),
}

impl Variant {
    /// The model file in dm_control's suite.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Acrobot => "acrobot.xml",
            Self::BallInCup => "ball_in_cup.xml",
            Self::Cartpole(_) => "cartpole.xml",
            Self::Cheetah => "cheetah.xml",
            Self::Finger(_) => "finger.xml",
            Self::Humanoid(_) => "humanoid.xml",
            Self::Pendulum => "pendulum.xml",
            Self::PointMass => "point_mass.xml",
            Self::Quadruped(_) => "quadruped.xml",
            Self::Reacher(_) => "reacher.xml",
            Self::Walker(_) => "walker.xml",
            Self::Own(own) => &own.file,
        }
    }

    /// dm_control's edits of the model file.
    pub(super) fn edit(self, xml: Xml) -> Result<Xml, Error> {
        match self {
            Self::Cartpole(variant) => cartpole::edit(variant, xml),
            Self::Quadruped(variant) => quadruped::edit(variant, xml),
            _ => Ok(xml),
        }
    }

    /// Model fields that the start of an episode edits.
    pub(super) fn edited_fields(self) -> &'static [Field] {
        match self {
            Self::Finger(_) => &[Field::DofDamping, Field::SitePos, Field::SiteSize],
            Self::Reacher(_) => &[Field::GeomPos, Field::GeomSize],
            _ => &[],
        }
    }

    /// The task with its places in the compiled model.
    pub(super) fn bind(self, names: &Names<'_>) -> Result<Domain, Error> {
        Ok(match self {
            Self::Acrobot => Domain::Acrobot(Acrobot::bind(names)?),
            Self::BallInCup => Domain::BallInCup(BallInCup::bind(names)?),
            Self::Cartpole(variant) => Domain::Cartpole(Cartpole::bind(variant, names)?),
            Self::Cheetah => Domain::Cheetah(Cheetah::bind(names)?),
            Self::Finger(variant) => Domain::Finger(Finger::bind(variant, names)?),
            Self::Humanoid(variant) => Domain::Humanoid(Humanoid::bind(variant, names)?),
            Self::Pendulum => Domain::Pendulum(Pendulum::bind(names)?),
            Self::PointMass => Domain::PointMass(PointMass::bind(names)?),
            Self::Quadruped(variant) => Domain::Quadruped(Quadruped::bind(variant, names)?),
            Self::Reacher(variant) => Domain::Reacher(Reacher::bind(variant, names)?),
            Self::Walker(variant) => Domain::Walker(Walker::bind(variant, names)?),
            Self::Own(own) => own::bind(own, names)?,
        })
    }
}

/// A task bound to a compiled model.
#[derive(Debug)]
pub(super) enum Domain {
    Acrobot(Acrobot),
    BallInCup(BallInCup),
    Cartpole(Cartpole),
    Cheetah(Cheetah),
    Finger(Finger),
    Humanoid(Humanoid),
    Pendulum(Pendulum),
    PointMass(PointMass),
    Quadruped(Quadruped),
    Reacher(Reacher),
    Walker(Walker),
    Own(Box<dyn Behaviour>),
}

impl Domain {
    /// Draws the start of an episode, between the two settlings of dm_control's reset.
    pub(super) fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        match self {
            Self::Acrobot(domain) => domain.start(physics, random),
            Self::BallInCup(domain) => domain.start(physics, random)?,
            Self::Cartpole(domain) => domain.start(physics, random),
            Self::Cheetah(domain) => domain.start(physics, random),
            Self::Finger(domain) => domain.start(physics, random)?,
            Self::Humanoid(domain) => domain.start(physics, random)?,
            Self::Pendulum(domain) => domain.start(physics, random),
            Self::PointMass(domain) => domain.start(physics, random),
            Self::Quadruped(domain) => domain.start(physics, random)?,
            Self::Reacher(domain) => domain.start(physics, random),
            Self::Walker(domain) => domain.start(physics, random),
            Self::Own(domain) => domain.start(physics, random)?,
        }
        Ok(())
    }

    /// Writes the observation.
    pub(super) fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        match self {
            Self::Acrobot(domain) => domain.observe(physics, observation),
            Self::BallInCup(domain) => domain.observe(physics, observation),
            Self::Cartpole(domain) => domain.observe(physics, observation),
            Self::Cheetah(domain) => domain.observe(physics, observation),
            Self::Finger(domain) => domain.observe(physics, observation),
            Self::Humanoid(domain) => domain.observe(physics, observation),
            Self::Pendulum(domain) => domain.observe(physics, observation),
            Self::PointMass(domain) => domain.observe(physics, observation),
            Self::Quadruped(domain) => domain.observe(physics, observation),
            Self::Reacher(domain) => domain.observe(physics, observation),
            Self::Walker(domain) => domain.observe(physics, observation),
            Self::Own(domain) => domain.observe(physics, observation),
        }
    }

    /// Reward of the current state, in 0..=1 in the suite.
    pub(super) fn reward(&self, physics: &Physics) -> f64 {
        match self {
            Self::Acrobot(domain) => domain.reward(physics),
            Self::BallInCup(domain) => domain.reward(physics),
            Self::Cartpole(domain) => domain.reward(physics),
            Self::Cheetah(domain) => domain.reward(physics),
            Self::Finger(domain) => domain.reward(physics),
            Self::Humanoid(domain) => domain.reward(physics),
            Self::Pendulum(domain) => domain.reward(physics),
            Self::PointMass(domain) => domain.reward(physics),
            Self::Quadruped(domain) => domain.reward(physics),
            Self::Reacher(domain) => domain.reward(physics),
            Self::Walker(domain) => domain.reward(physics),
            Self::Own(domain) => domain.reward(physics),
        }
    }

    /// Whether the episode ends here, for good: never in the suite.
    pub(super) fn terminated(&self, physics: &Physics) -> bool {
        match self {
            Self::Own(domain) => domain.terminated(physics),
            _ => false,
        }
    }

    /// Whether its numbers come from a user, who may divide by zero.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }
}
