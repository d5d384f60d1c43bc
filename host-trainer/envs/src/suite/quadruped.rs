//! Quadruped: a body on four legs of three motors each walks or runs.
//!
//! Source: `dm_control/suite/quadruped.py`.

use std::sync::Arc;

use mujoco_rs::wrappers::mj_model::{MjtJoint, MjtSensor};

use super::domain::Domain;
use super::model::Xml;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use super::start::unit;
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::Physics;
use crate::mujoco::physics::element::ZZ;
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// Length of an episode in seconds.
const TIME_LIMIT: f64 = 20.0;

/// Step in m by which the body is lifted until it touches nothing.
const LIFT: f64 = 0.01;

/// The legs, in the order of the model's bodies, motors and force sensors.
const LEGS: [&str; 4] = ["front_left", "front_right", "back_right", "back_left"];

const AXES: [&str; 3] = ["x", "y", "z"];

/// The target speed of a task in m/s.
#[derive(Debug, Clone, Copy)]
struct Variant {
    speed: f64,
}

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    let motors = [("yaw", -1.0, 1.0), ("lift", -1.0, 1.1), ("extend", -0.8, 0.8)];
    let actions = of_legs(&motors, |leg, &(motor, low, high)| {
        Signal::new(format!("{motor}_{leg}"), "1", low, high)
    });
    let task = |name, speed| Task {
        name,
        observations: observations(),
        actions: actions.clone(),
        physics_timestep: 0.005,
        physics_steps: 4,
        episode_steps: 1000,
        references: returns(name),
        model: Arc::new(Variant { speed }),
    };
    vec![task("quadruped-walk", 0.5), task("quadruped-run", 5.0)]
}

fn of_legs<T>(parts: &[T], signal: impl Fn(&str, &T) -> Signal) -> Vec<Signal> {
    LEGS.iter()
        .flat_map(|leg| parts.iter().map(|part| signal(leg, part)).collect::<Vec<_>>())
        .collect()
}

fn observations() -> Vec<Signal> {
    let joints = ["yaw", "pitch", "knee", "ankle"];
    let mut signals = of_legs(&joints, |leg, joint| {
        Signal::symmetric(format!("{joint}_{leg}_angle"), "rad", 2.5)
    });
    signals.extend(of_legs(&joints, |leg, joint| {
        Signal::symmetric(format!("{joint}_{leg}_velocity"), "rad/s", 60.0)
    }));
    signals.extend(of_legs(&["yaw", "lift", "extend"], |leg, motor| {
        Signal::symmetric(format!("{motor}_{leg}_activation"), "1", 1.2)
    }));
    signals.extend(AXES.map(|axis| Signal::symmetric(format!("torso_v{axis}"), "m/s", 15.0)));
    signals.push(Signal::direction("torso_zz"));
    signals.extend(AXES.map(|axis| Signal::symmetric(format!("torso_a{axis}"), "m/s^2", 3e3)));
    signals.extend(AXES.map(|axis| Signal::symmetric(format!("torso_w{axis}"), "rad/s", 40.0)));
    // asinh of the force in N or the torque in N m.
    for quantity in ["force", "torque"] {
        signals.extend(of_legs(&AXES, |leg, axis| {
            Signal::symmetric(format!("toe_{leg}_{quantity}_{axis}"), "1", 14.0)
        }));
    }
    signals
}

impl Domain for Variant {
    const FILE: &'static str = "quadruped.xml";

    /// Enlarges the floor to the distance of an episode, and removes what only other tasks need.
    fn edit(&self, xml: Xml) -> Result<Xml, Error> {
        let size = TIME_LIMIT * self.speed;
        let mut xml = xml.replace(
            r#"name="floor" type="plane" size="15 15 .5""#,
            &format!(r#"name="floor" type="plane" size="{size} {size} .5""#),
        )?;
        for wall in ["px", "py", "nx", "ny"] {
            xml = xml.remove(&format!(r#"<geom name="wall_{wall}""#), "/>")?;
        }
        xml = xml
            .remove(r#"<body name="ball""#, "</body>")?
            .remove(r#"<site name="target""#, "/>")?
            .remove(r#"<geom name="terrain""#, "/>")?;
        for row in 0..4 {
            for column in 0..5 {
                xml = xml.remove(&format!(r#"<rangefinder name="rf_{row}{column}""#), "/>")?;
            }
        }
        Ok(xml)
    }

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Quadruped {
            variant: *self,
            root: names.joint("root")?,
            hinges: names.joints_of(MjtJoint::mjJNT_HINGE),
            torso: names.body("torso")?,
            velocimeter: names.sensor("velocimeter")?,
            imu: names.sensors_of(&[MjtSensor::mjSENS_GYRO, MjtSensor::mjSENS_ACCELEROMETER]),
            force_torque: names.sensors_of(&[MjtSensor::mjSENS_FORCE, MjtSensor::mjSENS_TORQUE]),
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Quadruped {
    variant: Variant,
    root: Joint,
    hinges: Vec<Joint>,
    torso: usize,
    velocimeter: usize,
    imu: Vec<usize>,
    force_torque: Vec<usize>,
}

impl Behaviour for Quadruped {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        const ATTEMPTS: u32 = 10_000;
        let orientation = unit([0; 4].map(|_| random.normal()));
        let mut height = 0.0;
        for _ in 0..ATTEMPTS {
            physics.reset();
            let root = &mut physics.qpos_mut()[self.root.qpos..][..7];
            root[..3].copy_from_slice(&[0.0, 0.0, height]);
            root[3..].copy_from_slice(&orientation);
            physics.settle();
            if physics.ncon() == 0 {
                return Ok(());
            }
            height += LIFT;
        }
        Err(Attempts(ATTEMPTS))
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let sensors = physics.sensordata();
        let values = self
            .hinges
            .iter()
            .map(|joint| physics.qpos()[joint.qpos])
            .chain(self.hinges.iter().map(|joint| physics.qvel()[joint.dof]))
            .chain(physics.act().iter().copied())
            .chain(self.velocity(physics).iter().copied())
            .chain([physics.xmat()[self.torso][ZZ]])
            .chain(self.imu.iter().map(|&at| sensors[at]))
            .chain(self.force_torque.iter().map(|&at| sensors[at].asinh()));
        for (place, value) in observation.iter_mut().zip(values) {
            *place = value;
        }
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let speed = self.variant.speed;
        let moving = tolerance(
            self.velocity(physics)[0],
            (speed, f64::INFINITY),
            speed,
            Sigmoid::Linear(0.5),
        );
        let upright = tolerance(
            physics.xmat()[self.torso][ZZ],
            (1.0, f64::INFINITY),
            2.0,
            Sigmoid::Linear(0.0),
        );
        upright * moving
    }
}

impl Quadruped {
    /// Velocity of the torso in the torso's frame, in m/s.
    fn velocity<'p>(&self, physics: &'p Physics) -> &'p [f64] {
        &physics.sensordata()[self.velocimeter..self.velocimeter + 3]
    }
}
