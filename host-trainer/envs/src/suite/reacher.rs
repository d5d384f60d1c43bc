//! Reacher: a planar arm of two links holds its finger on a target.
//!
//! Source: `dm_control/suite/reacher.py`.

use std::f64::consts::TAU;
use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use super::start::random_joints;
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::state::field::Field;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// The target's radius in m, by which the tasks differ.
#[derive(Debug, Clone, Copy)]
struct Variant {
    target_radius: f64,
}

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    let task = |name, target_radius| Task {
        name,
        observations: vec![
            // The shoulder turns at up to 7 rad/s for 20 s, the wrist is softly limited to 2.8 rad.
            Signal::symmetric("shoulder_angle", "rad", 200.0),
            Signal::symmetric("wrist_angle", "rad", 3.5),
            // Arm and target reach 0.24 and 0.2 m from the shoulder.
            Signal::symmetric("to_target_x", "m", 0.45),
            Signal::symmetric("to_target_y", "m", 0.45),
            Signal::symmetric("shoulder_velocity", "rad/s", 15.0),
            Signal::symmetric("wrist_velocity", "rad/s", 15.0),
        ],
        actions: ["shoulder", "wrist"].map(|joint| Signal::symmetric(joint, "1", 1.0)).to_vec(),
        physics_timestep: 0.02,
        physics_steps: 1,
        episode_steps: 1000,
        references: returns(name),
        model: Arc::new(Variant { target_radius }),
    };
    vec![task("reacher-easy", 0.05), task("reacher-hard", 0.015)]
}

impl Domain for Variant {
    const FILE: &'static str = "reacher.xml";
    const EDITED: &'static [Field] = &[Field::GeomPos, Field::GeomSize];

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Reacher {
            variant: *self,
            finger: names.geom("finger")?,
            target: names.geom("target")?,
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Reacher {
    variant: Variant,
    finger: usize,
    target: usize,
}

impl Behaviour for Reacher {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        physics.model_mut().geom_size_mut()[self.target][0] = self.variant.target_radius;
        random_joints(physics, random);
        let angle = random.uniform(0.0, TAU);
        let radius = random.uniform(0.05, 0.20);
        let target = &mut physics.model_mut().geom_pos_mut()[self.target];
        target[0] = radius * angle.sin();
        target[1] = radius * angle.cos();
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        observation[..2].copy_from_slice(physics.qpos());
        observation[2..4].copy_from_slice(&self.to_target(physics));
        observation[4..].copy_from_slice(physics.qvel());
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let [x, y] = self.to_target(physics);
        let sizes = physics.model().geom_size();
        let radii = sizes[self.target][0] + sizes[self.finger][0];
        tolerance((x * x + y * y).sqrt(), (0.0, radii), 0.0, Sigmoid::DEFAULT)
    }
}

impl Reacher {
    /// Vector from the finger to the target in the plane, in m.
    fn to_target(&self, physics: &Physics) -> [f64; 2] {
        let geoms = physics.geom_xpos();
        [0, 1].map(|axis| geoms[self.target][axis] - geoms[self.finger][axis])
    }
}
