//! Acrobot: a double pendulum, whose only motor is at the elbow, swings its tip up to a target.
//!
//! Source: `dm_control/suite/acrobot.py`.

use std::f64::consts::PI;
use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::element::{XZ, ZZ};
use crate::mujoco::physics::{Physics, distance};
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    vec![Task {
        name: "acrobot-swingup",
        observations: vec![
            Signal::direction("upper_arm_sin"),
            Signal::direction("lower_arm_sin"),
            Signal::direction("upper_arm_cos"),
            Signal::direction("lower_arm_cos"),
            Signal::symmetric("shoulder_velocity", "rad/s", 40.0),
            Signal::symmetric("elbow_velocity", "rad/s", 80.0),
        ],
        actions: vec![Signal::symmetric("elbow", "1", 1.0)],
        physics_timestep: 0.01,
        physics_steps: 1,
        episode_steps: 1000,
        references: returns("acrobot-swingup"),
        model: Arc::new(Swingup),
    }]
}

/// The only task of the domain.
#[derive(Debug)]
struct Swingup;

impl Domain for Swingup {
    const FILE: &'static str = "acrobot.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Acrobot {
            shoulder: names.joint("shoulder")?,
            elbow: names.joint("elbow")?,
            upper_arm: names.body("upper_arm")?,
            lower_arm: names.body("lower_arm")?,
            tip: names.site("tip")?,
            target: names.site("target")?,
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Acrobot {
    shoulder: Joint,
    elbow: Joint,
    upper_arm: usize,
    lower_arm: usize,
    tip: usize,
    target: usize,
}

impl Behaviour for Acrobot {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        for joint in [self.shoulder, self.elbow] {
            physics.qpos_mut()[joint.qpos] = random.uniform(-PI, PI);
        }
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let (upper, lower) = (&physics.xmat()[self.upper_arm], &physics.xmat()[self.lower_arm]);
        observation[..4].copy_from_slice(&[upper[XZ], lower[XZ], upper[ZZ], lower[ZZ]]);
        observation[4..].copy_from_slice(physics.qvel());
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let sites = physics.site_xpos();
        let to_target = distance(&sites[self.target], &sites[self.tip]);
        let radius = physics.model().site_size()[self.target][0];
        tolerance(to_target, (0.0, radius), 1.0, Sigmoid::DEFAULT)
    }
}
