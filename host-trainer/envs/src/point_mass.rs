//! Point mass: a mass pushed along two axes comes to rest on a target.
//!
//! Source: `dm_control/suite/point_mass.py`.

use super::domain::Variant;
use super::error::Error;
use super::physics::{Names, Physics, distance};
use super::random::Random;
use super::reward::{Sigmoid, tolerance};
use super::spec::{Signal, Task};
use super::start::random_joints;

/// The domain's tasks.
pub(super) fn tasks() -> Vec<Task> {
    vec![Task {
        name: "point_mass-easy",
        observations: vec![
            // Softly limited to 0.29 m; 0.1 N against a damping of 1 N s/m move it at 0.1 m/s.
            Signal::symmetric("x", "m", 0.35),
            Signal::symmetric("y", "m", 0.35),
            Signal::symmetric("x_velocity", "m/s", 0.2),
            Signal::symmetric("y_velocity", "m/s", 0.2),
        ],
        actions: vec![Signal::symmetric("t1", "1", 1.0), Signal::symmetric("t2", "1", 1.0)],
        physics_timestep: 0.02,
        physics_steps: 1,
        episode_steps: 1000,
        variant: Variant::PointMass,
    }]
}

/// The domain bound to a model.
#[derive(Debug)]
pub(super) struct PointMass {
    mass: usize,
    target: usize,
    target_size: f64,
}

impl PointMass {
    pub(super) fn bind(names: &Names<'_>) -> Result<Self, Error> {
        let target = names.geom("target")?;
        let target_size = names.model.geom_size()[target][0];
        Ok(Self { mass: names.geom("pointmass")?, target, target_size })
    }

    pub(super) fn start(&self, physics: &mut Physics, random: &mut Random) {
        random_joints(physics, random);
    }

    pub(super) fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        observation[..2].copy_from_slice(&physics.qpos()[..2]);
        observation[2..4].copy_from_slice(&physics.qvel()[..2]);
    }

    pub(super) fn reward(&self, physics: &Physics) -> f64 {
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
