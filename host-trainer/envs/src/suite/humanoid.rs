//! Humanoid: a body of 21 joints stands or walks.
//!
//! Source: `dm_control/suite/humanoid.py`.

use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use super::start::{MAX_ATTEMPTS, random_joints, until_clear};
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::element::{ZX, ZY, ZZ};
use crate::mujoco::physics::{Physics, into_frame};
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// Height of the head in m from which standing is fully rewarded.
const STAND_HEIGHT: f64 = 1.4;

/// The joints, in the model's order.
const JOINTS: [&str; 21] = [
    "abdomen_z",
    "abdomen_y",
    "abdomen_x",
    "right_hip_x",
    "right_hip_z",
    "right_hip_y",
    "right_knee",
    "right_ankle_y",
    "right_ankle_x",
    "left_hip_x",
    "left_hip_z",
    "left_hip_y",
    "left_knee",
    "left_ankle_y",
    "left_ankle_x",
    "right_shoulder1",
    "right_shoulder2",
    "right_elbow",
    "left_shoulder1",
    "left_shoulder2",
    "left_elbow",
];

/// The motors, in the model's order.
const MOTORS: [&str; 21] = [
    "abdomen_y",
    "abdomen_z",
    "abdomen_x",
    "right_hip_x",
    "right_hip_z",
    "right_hip_y",
    "right_knee",
    "right_ankle_x",
    "right_ankle_y",
    "left_hip_x",
    "left_hip_z",
    "left_hip_y",
    "left_knee",
    "left_ankle_x",
    "left_ankle_y",
    "right_shoulder1",
    "right_shoulder2",
    "right_elbow",
    "left_shoulder1",
    "left_shoulder2",
    "left_elbow",
];

/// The bodies whose positions are observed, in the observation's order.
const EXTREMITIES: [&str; 4] = ["left_hand", "left_foot", "right_hand", "right_foot"];

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
        actions: MOTORS.map(|motor| Signal::symmetric(motor, "1", 1.0)).to_vec(),
        physics_timestep: 0.005,
        physics_steps: 5,
        episode_steps: 1000,
        references: returns(name),
        model: Arc::new(Variant { speed }),
    };
    vec![task("humanoid-stand", 0.0), task("humanoid-walk", 1.0)]
}

fn observations() -> Vec<Signal> {
    let mut signals: Vec<_> = JOINTS
        .iter()
        .map(|joint| Signal::symmetric(format!("{joint}_angle"), "rad", 5.0))
        .collect();
    signals.push(Signal::new("head_height", "m", -0.5, 3.5));
    for body in EXTREMITIES {
        signals.extend(AXES.map(|axis| Signal::symmetric(format!("{body}_{axis}"), "m", 1.6)));
    }
    signals.extend(AXES.map(|axis| Signal::direction(format!("torso_z{axis}"))));
    signals.extend(AXES.map(|axis| Signal::symmetric(format!("com_v{axis}"), "m/s", 20.0)));
    signals.extend(AXES.map(|axis| Signal::symmetric(format!("root_v{axis}"), "m/s", 30.0)));
    signals.extend(AXES.map(|axis| Signal::symmetric(format!("root_w{axis}"), "rad/s", 100.0)));
    signals
        .extend(JOINTS.map(|joint| Signal::symmetric(format!("{joint}_velocity"), "rad/s", 400.0)));
    signals
}

const AXES: [&str; 3] = ["x", "y", "z"];

impl Domain for Variant {
    const FILE: &'static str = "humanoid.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        let mut extremities = [0; 4];
        for (body, name) in extremities.iter_mut().zip(EXTREMITIES) {
            *body = names.body(name)?;
        }
        Ok(Box::new(Humanoid {
            variant: *self,
            torso: names.body("torso")?,
            head: names.body("head")?,
            extremities,
            velocity: names.sensor("torso_subtreelinvel")?,
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Humanoid {
    variant: Variant,
    torso: usize,
    head: usize,
    extremities: [usize; 4],
    velocity: usize,
}

impl Behaviour for Humanoid {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        until_clear(physics, MAX_ATTEMPTS, |physics| random_joints(physics, random))
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        // The first seven coordinates are the pose of the root.
        let angles = &physics.qpos()[7..];
        let (joints, rest) = observation.split_at_mut(angles.len());
        joints.copy_from_slice(angles);
        rest[0] = physics.xpos()[self.head][2];
        let frame = &physics.xmat()[self.torso];
        let torso = &physics.xpos()[self.torso];
        let (extremities, rest) = rest[1..].split_at_mut(12);
        for (position, &body) in extremities.chunks_exact_mut(3).zip(&self.extremities) {
            position.copy_from_slice(&into_frame(frame, torso, &physics.xpos()[body]));
        }
        rest[..3].copy_from_slice(&[frame[ZX], frame[ZY], frame[ZZ]]);
        rest[3..6].copy_from_slice(self.velocity(physics));
        rest[6..].copy_from_slice(physics.qvel());
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let standing = tolerance(
            physics.xpos()[self.head][2],
            (STAND_HEIGHT, f64::INFINITY),
            STAND_HEIGHT / 4.0,
            Sigmoid::DEFAULT,
        );
        let upright = tolerance(
            physics.xmat()[self.torso][ZZ],
            (0.9, f64::INFINITY),
            1.9,
            Sigmoid::Linear(0.0),
        );
        let small = |control: &f64| tolerance(*control, (0.0, 0.0), 1.0, Sigmoid::Quadratic(0.0));
        let controls = physics.ctrl();
        let small_control = controls.iter().map(small).sum::<f64>() / controls.len() as f64;
        let small_control = (4.0 + small_control) / 5.0;
        let stand = small_control * (standing * upright);
        let velocity = self.velocity(physics);
        let speed = self.variant.speed;
        if speed == 0.0 {
            let still = |v: f64| tolerance(v, (0.0, 0.0), 2.0, Sigmoid::DEFAULT);
            return stand * ((still(velocity[0]) + still(velocity[1])) / 2.0);
        }
        let moving = tolerance(
            (velocity[0] * velocity[0] + velocity[1] * velocity[1]).sqrt(),
            (speed, f64::INFINITY),
            speed,
            Sigmoid::Linear(0.0),
        );
        stand * ((5.0 * moving + 1.0) / 6.0)
    }
}

impl Humanoid {
    /// Velocity of the centre of mass.
    fn velocity<'p>(&self, physics: &'p Physics) -> &'p [f64] {
        &physics.sensordata()[self.velocity..self.velocity + 3]
    }
}
