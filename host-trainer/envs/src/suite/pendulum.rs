//! Pendulum: a pole is swung up and balanced by a torque that is too small to lift it directly.
//!
//! Source: `dm_control/suite/pendulum.py`.

use std::f64::consts::PI;
use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::Physics;
use crate::mujoco::physics::element::{XZ, ZZ};
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// Largest angle from upright, in degrees, that counts as balanced.
const ANGLE_BOUND: f64 = 8.0;

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    vec![Task {
        name: "pendulum-swingup",
        observations: vec![
            Signal::direction("pole_cos"),
            Signal::direction("pole_sin"),
            // Gravity and the damped motor together reach 12 rad/s.
            Signal::symmetric("pole_velocity", "rad/s", 20.0),
        ],
        actions: vec![Signal::symmetric("torque", "1", 1.0)],
        physics_timestep: 0.02,
        physics_steps: 1,
        episode_steps: 1000,
        references: returns("pendulum-swingup"),
        model: Arc::new(Swingup),
    }]
}

/// The only task of the domain.
#[derive(Debug)]
struct Swingup;

impl Domain for Swingup {
    const FILE: &'static str = "pendulum.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Pendulum { hinge: names.joint("hinge")?, pole: names.body("pole")? }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Pendulum {
    hinge: Joint,
    pole: usize,
}

impl Behaviour for Pendulum {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        physics.qpos_mut()[self.hinge.qpos] = random.uniform(-PI, PI);
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let frame = &physics.xmat()[self.pole];
        observation.copy_from_slice(&[frame[ZZ], frame[XZ], physics.qvel()[self.hinge.dof]]);
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let upright = physics.xmat()[self.pole][ZZ];
        let bounds = (ANGLE_BOUND.to_radians().cos(), 1.0);
        tolerance(upright, bounds, 0.0, Sigmoid::DEFAULT)
    }
}
