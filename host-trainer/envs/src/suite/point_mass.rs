//! Point mass: a mass pushed along two axes comes to rest on a target.
//!
//! Source: `dm_control/suite/point_mass.py`.

use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use super::start::random_joints;
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::{Physics, distance};
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    vec![Task {
        name: "point_mass-easy",
        observations: vec![
            // Soft limits at 0.29 m; 0.1 N against a damping of 1 N s/m move the mass at 0.1 m/s.
            Signal::symmetric("x", "m", 0.35),
            Signal::symmetric("y", "m", 0.35),
            Signal::symmetric("x_velocity", "m/s", 0.2),
            Signal::symmetric("y_velocity", "m/s", 0.2),
        ],
        actions: vec![Signal::symmetric("t1", "1", 1.0), Signal::symmetric("t2", "1", 1.0)],
        physics_timestep: 0.02,
        physics_steps: 1,
        episode_steps: 1000,
        references: returns("point_mass-easy"),
        model: Arc::new(Easy),
    }]
}

/// The only task of the domain.
#[derive(Debug)]
struct Easy;

impl Domain for Easy {
    const FILE: &'static str = "point_mass.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        let target = names.geom("target")?;
        let target_size = names.model.geom_size()[target][0];
        Ok(Box::new(PointMass { mass: names.geom("pointmass")?, target, target_size }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct PointMass {
    mass: usize,
    target: usize,
    target_size: f64,
}

impl Behaviour for PointMass {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        random_joints(physics, random);
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        observation[..2].copy_from_slice(&physics.qpos()[..2]);
        observation[2..4].copy_from_slice(&physics.qvel()[..2]);
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let size = self.target_size;
        let geoms = physics.geom_xpos();
        let to_target = distance(&geoms[self.target], &geoms[self.mass]);
        let near_target = tolerance(to_target, (0.0, size), size, Sigmoid::DEFAULT);
        let small = |control| tolerance(control, (0.0, 0.0), 1.0, Sigmoid::Quadratic(0.0));
        let controls = physics.ctrl();
        let small_control = (small(controls[0]) + small(controls[1])) / 2.0;
        near_target * ((small_control + 4.0) / 5.0)
    }
}
