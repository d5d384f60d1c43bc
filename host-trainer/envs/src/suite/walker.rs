//! Walker: a planar body with two legs stands, walks or runs.
//!
//! Source: `dm_control/suite/walker.py`.

use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use super::start::random_joints;
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;
use crate::mujoco::physics::element::{XX, XZ, ZZ};
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// Height of the torso in m from which standing is fully rewarded.
const STAND_HEIGHT: f64 = 1.2;

const BODIES: [&str; 7] =
    ["torso", "right_thigh", "right_leg", "right_foot", "left_thigh", "left_leg", "left_foot"];

const JOINTS: [&str; 6] =
    ["right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"];

/// The target speed of a task in m/s; 0 in the standing task.
#[derive(Debug, Clone, Copy)]
struct Variant {
    speed: f64,
}

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    let task = |name, speed| Task {
        name,
        observations: observations(),
        actions: JOINTS.map(|joint| Signal::symmetric(joint, "1", 1.0)).to_vec(),
        physics_timestep: 0.0025,
        physics_steps: 10,
        episode_steps: 1000,
        references: returns(name),
        model: Arc::new(Variant { speed }),
    };
    vec![task("walker-stand", 0.0), task("walker-walk", 1.0), task("walker-run", 8.0)]
}

fn observations() -> Vec<Signal> {
    let mut signals = Vec::new();
    for body in BODIES {
        signals.push(Signal::direction(format!("{body}_xx")));
        signals.push(Signal::direction(format!("{body}_xz")));
    }
    signals.push(Signal::new("height", "m", -0.5, 3.0));
    signals.push(Signal::symmetric("root_z_velocity", "m/s", 20.0));
    signals.push(Signal::symmetric("root_x_velocity", "m/s", 25.0));
    signals.push(Signal::symmetric("root_y_velocity", "rad/s", 80.0));
    signals
        .extend(JOINTS.map(|joint| Signal::symmetric(format!("{joint}_velocity"), "rad/s", 150.0)));
    signals
}

impl Domain for Variant {
    const FILE: &'static str = "walker.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Walker {
            variant: *self,
            torso: names.body("torso")?,
            velocity: names.sensor("torso_subtreelinvel")?,
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Walker {
    variant: Variant,
    torso: usize,
    velocity: usize,
}

impl Behaviour for Walker {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        random_joints(physics, random);
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let (orientations, rest) = observation.split_at_mut(2 * BODIES.len());
        // Body 0 is the world.
        let frames = &physics.xmat()[1..];
        for (orientation, frame) in orientations.chunks_exact_mut(2).zip(frames) {
            orientation[0] = frame[XX];
            orientation[1] = frame[XZ];
        }
        rest[0] = physics.xpos()[self.torso][2];
        rest[1..].copy_from_slice(physics.qvel());
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let height = physics.xpos()[self.torso][2];
        let standing =
            tolerance(height, (STAND_HEIGHT, f64::INFINITY), STAND_HEIGHT / 2.0, Sigmoid::DEFAULT);
        let upright = (1.0 + physics.xmat()[self.torso][ZZ]) / 2.0;
        let stand = (3.0 * standing + upright) / 4.0;
        let speed = self.variant.speed;
        if speed == 0.0 {
            return stand;
        }
        let moving = tolerance(
            physics.sensordata()[self.velocity],
            (speed, f64::INFINITY),
            speed / 2.0,
            Sigmoid::Linear(0.5),
        );
        stand * (5.0 * moving + 1.0) / 6.0
    }
}
