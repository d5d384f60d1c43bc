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
            Signal::symmetric("x_velocity", "m/s", 0.5),
            Signal::symmetric("y_velocity", "m/s", 0.5),
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
}

impl PointMass {
    pub(super) fn bind(names: &Names<'_>) -> Result<Self, Error> {
        Ok(Self { mass: names.geom("pointmass")?, target: names.geom("target")? })
    }

    pub(super) fn start(&self, physics: &mut Physics, random: &mut Random) {
        random_joints(physics, random);
    }

    pub(super) fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let (positions, velocities) = observation.split_at_mut(physics.qpos().len());
        positions.copy_from_slice(physics.qpos());
        velocities.copy_from_slice(physics.qvel());
    }

    pub(super) fn reward(&self, physics: &Physics) -> f64 {
        let size = physics.model().geom_size()[self.target][0];
        let geoms = physics.geom_xpos();
        let to_target = distance(&geoms[self.target], &geoms[self.mass]);
        let near_target = tolerance(to_target, (0.0, size), size, Sigmoid::DEFAULT);
        let small = |control: &f64| tolerance(*control, (0.0, 0.0), 1.0, Sigmoid::Quadratic(0.0));
        let controls = physics.ctrl();
        let small_control = controls.iter().map(small).sum::<f64>() / controls.len() as f64;
        near_target * ((small_control + 4.0) / 5.0)
    }
}
