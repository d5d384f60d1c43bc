//! Ball in cup: a cup moved in a vertical plane catches the ball that hangs from it on a string.
//!
//! Source: `dm_control/suite/ball_in_cup.py`.

use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::start::{MAX_ATTEMPTS, until_clear};
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    vec![Task {
        name: "ball_in_cup-catch",
        observations: vec![
            Signal::symmetric("cup_x", "m", 0.7),
            Signal::symmetric("cup_z", "m", 0.7),
            Signal::symmetric("ball_x", "m", 1.0),
            Signal::new("ball_z", "m", -0.5, 1.2),
            Signal::symmetric("cup_x_velocity", "m/s", 8.0),
            Signal::symmetric("cup_z_velocity", "m/s", 8.0),
            Signal::symmetric("ball_x_velocity", "m/s", 15.0),
            Signal::symmetric("ball_z_velocity", "m/s", 15.0),
        ],
        actions: vec![Signal::symmetric("x", "1", 1.0), Signal::symmetric("z", "1", 1.0)],
        physics_timestep: 0.002,
        physics_steps: 10,
        episode_steps: 1000,
        references: returns("ball_in_cup-catch"),
        model: Arc::new(Catch),
    }]
}

/// The only task of the domain.
#[derive(Debug)]
struct Catch;

impl Domain for Catch {
    const FILE: &'static str = "ball_in_cup.xml";

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(BallInCup {
            ball_x: names.joint("ball_x")?,
            ball_z: names.joint("ball_z")?,
            ball_body: names.body("ball")?,
            ball_geom: names.geom("ball")?,
            target: names.site("target")?,
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct BallInCup {
    ball_x: Joint,
    ball_z: Joint,
    ball_body: usize,
    ball_geom: usize,
    target: usize,
}

impl Behaviour for BallInCup {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        until_clear(physics, MAX_ATTEMPTS, |physics| {
            let qpos = physics.qpos_mut();
            qpos[self.ball_x.qpos] = random.uniform(-0.2, 0.2);
            qpos[self.ball_z.qpos] = random.uniform(0.2, 0.5);
        })
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let (positions, velocities) = observation.split_at_mut(physics.qpos().len());
        positions.copy_from_slice(physics.qpos());
        velocities.copy_from_slice(physics.qvel());
    }

    /// Reward 1 while the ball is inside the cup, else 0.
    fn reward(&self, physics: &Physics) -> f64 {
        let target = &physics.site_xpos()[self.target];
        let ball = &physics.xpos()[self.ball_body];
        let size = &physics.model().site_size()[self.target];
        let radius = physics.model().geom_size()[self.ball_geom][0];
        let inside =
            [0, 2].iter().all(|&axis| (target[axis] - ball[axis]).abs() < size[axis] - radius);
        f64::from(u8::from(inside))
    }
}
