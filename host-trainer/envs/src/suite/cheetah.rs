//! Cheetah: a planar body with two legs runs.
//!
//! Source: `dm_control/suite/cheetah.py`.

use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// Speed in m/s from which the reward is 1.
const RUN_SPEED: f64 = 10.0;

/// Simulator steps in which the body falls onto its feet before an episode starts.
const SETTLING_STEPS: u32 = 200;

/// Names of the leg joints and their motors, and the joints' soft limits in degrees.
const LEGS: [(&str, f64, f64); 6] = [
    ("bthigh", -30.0, 60.0),
    ("bshin", -50.0, 50.0),
    ("bfoot", -230.0, 50.0),
    ("fthigh", -57.0, 0.4),
    ("fshin", -70.0, 50.0),
    ("ffoot", -28.0, 28.0),
];

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    // The body may turn over several times in an episode.
    let mut observations =
        vec![Signal::new("root_z", "m", -1.0, 2.5), Signal::symmetric("root_y", "rad", 100.0)];
    observations.extend(LEGS.map(|(leg, low, high)| {
        let beyond = 1.2;
        let (low, high) = (low.to_radians() - beyond, high.to_radians() + beyond);
        Signal::new(format!("{leg}_angle"), "rad", low, high)
    }));
    observations.push(Signal::symmetric("root_x_velocity", "m/s", 25.0));
    observations.push(Signal::symmetric("root_z_velocity", "m/s", 20.0));
    observations.push(Signal::symmetric("root_y_velocity", "rad/s", 40.0));
    for (leg, ..) in LEGS {
        observations.push(Signal::symmetric(format!("{leg}_velocity"), "rad/s", 80.0));
    }
    vec![Task {
        name: "cheetah-run",
        observations,
        actions: LEGS.map(|(leg, ..)| Signal::symmetric(leg, "1", 1.0)).to_vec(),
        physics_timestep: 0.01,
        physics_steps: 1,
        episode_steps: 1000,
        references: returns("cheetah-run"),
        model: Arc::new(Run),
    }]
}

/// The only task of the domain.
#[derive(Debug)]
struct Run;

impl Domain for Run {
    const FILE: &'static str = "cheetah.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Cheetah { velocity: names.sensor("torso_subtreelinvel")? }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Cheetah {
    velocity: usize,
}

impl Behaviour for Cheetah {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        // Every joint has one degree of freedom: joints and coordinates have the same indices.
        for joint in 0..physics.model().jnt_limited().len() {
            if physics.model().jnt_limited()[joint] {
                let [low, high] = physics.model().jnt_range()[joint];
                physics.qpos_mut()[joint] = random.uniform(low, high);
            }
        }
        physics.step(SETTLING_STEPS);
        physics.set_time(0.0);
        Ok(())
    }

    /// Writes all positions except the horizontal one, then all velocities.
    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let positions = &physics.qpos()[1..];
        let (angles, velocities) = observation.split_at_mut(positions.len());
        angles.copy_from_slice(positions);
        velocities.copy_from_slice(physics.qvel());
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let speed = physics.sensordata()[self.velocity];
        let bounds = (RUN_SPEED, f64::INFINITY);
        tolerance(speed, bounds, RUN_SPEED, Sigmoid::Linear(0.0))
    }
}
