//! Finger: a finger of two links spins a body on a hinge, or turns it to a target.
//!
//! Source: `dm_control/suite/finger.py`.

use std::f64::consts::PI;
use std::sync::Arc;

use super::domain::Domain;
use super::reference::returns;
use super::start::{random_joints, until_clear};
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::state::field::Field;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// Backward velocity in rad/s from which spinning is rewarded.
const SPIN_VELOCITY: f64 = 15.0;

/// Damping of the body's hinge in the spinning task.
const SPIN_DAMPING: f64 = 0.03;

/// The tasks of the domain: spin the body, or turn it to a target.
#[derive(Debug, Clone, Copy)]
enum Variant {
    Spin,
    /// The radius of the target in m.
    Turn(f64),
}

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    let mut observations = vec![
        Signal::symmetric("proximal_angle", "rad", 3.0),
        Signal::symmetric("distal_angle", "rad", 3.0),
        Signal::symmetric("tip_x", "m", 0.14),
        Signal::symmetric("tip_z", "m", 0.14),
        Signal::symmetric("proximal_velocity", "rad/s", 35.0),
        Signal::symmetric("distal_velocity", "rad/s", 35.0),
        Signal::symmetric("hinge_velocity", "rad/s", 100.0),
        // log(1 + force in N).
        Signal::new("touch_top", "1", -0.001, 12.0),
        Signal::new("touch_bottom", "1", -0.001, 12.0),
    ];
    let task = |name, observations, variant| Task {
        name,
        observations,
        actions: ["proximal", "distal"].map(|joint| Signal::symmetric(joint, "1", 1.0)).to_vec(),
        physics_timestep: 0.01,
        physics_steps: 2,
        episode_steps: 1000,
        references: returns(name),
        model: Arc::new(variant),
    };
    let spin = task("finger-spin", observations.clone(), Variant::Spin);
    observations.extend([
        Signal::symmetric("target_x", "m", 0.14),
        Signal::symmetric("target_z", "m", 0.14),
        Signal::new("target_distance", "m", -0.08, 0.28),
    ]);
    vec![
        spin,
        task("finger-turn_easy", observations.clone(), Variant::Turn(0.07)),
        task("finger-turn_hard", observations, Variant::Turn(0.03)),
    ]
}

impl Domain for Variant {
    const FILE: &'static str = "finger.xml";
    const EDITED: &'static [Field] = &[Field::DofDamping, Field::SitePos, Field::SiteSize];

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Finger {
            variant: *self,
            hinge: names.joint("hinge")?,
            hinge_id: names.joint_id("hinge")?,
            cap: names.geom("cap1")?,
            target_site: names.site("target")?,
            angles: [names.sensor("proximal")?, names.sensor("distal")?],
            velocities: [
                names.sensor("proximal_velocity")?,
                names.sensor("distal_velocity")?,
                names.sensor("hinge_velocity")?,
            ],
            tip: names.sensor("tip")?,
            spinner: names.sensor("spinner")?,
            target: names.sensor("target")?,
            touch: [names.sensor("touchtop")?, names.sensor("touchbottom")?],
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Finger {
    variant: Variant,
    hinge: Joint,
    hinge_id: usize,
    cap: usize,
    target_site: usize,
    /// Addresses of the proximal and the distal angle.
    angles: [usize; 2],
    /// Addresses of the proximal, the distal and the hinge velocity.
    velocities: [usize; 3],
    tip: usize,
    spinner: usize,
    target: usize,
    touch: [usize; 2],
}

impl Behaviour for Finger {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        match self.variant {
            Variant::Spin => {
                let hinge = self.hinge.dof;
                physics.model_mut().dof_damping_mut()[hinge] = SPIN_DAMPING;
            }
            Variant::Turn(radius) => {
                let angle = random.uniform(-PI, PI);
                let anchor = physics.xanchor()[self.hinge_id];
                let reach: f64 = physics.model().geom_size()[self.cap].iter().sum();
                let model = physics.model_mut();
                let target = &mut model.site_pos_mut()[self.target_site];
                target[0] = anchor[0] + reach * angle.sin();
                target[2] = anchor[2] + reach * angle.cos();
                model.site_size_mut()[self.target_site][0] = radius;
            }
        }
        until_clear(physics, 1000, |physics| random_joints(physics, random))
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        let data = physics.sensordata();
        observation[..2].copy_from_slice(&self.angles.map(|at| data[at]));
        observation[2..4].copy_from_slice(&self.seen_from_spinner(physics, self.tip));
        observation[4..7].copy_from_slice(&self.velocities.map(|at| data[at]));
        observation[7..9].copy_from_slice(&self.touch.map(|at| data[at].ln_1p()));
        if let Variant::Turn(_) = self.variant {
            observation[9..11].copy_from_slice(&self.seen_from_spinner(physics, self.target));
            observation[11] = self.to_target(physics);
        }
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let done = match self.variant {
            Variant::Spin => physics.sensordata()[self.velocities[2]] <= -SPIN_VELOCITY,
            Variant::Turn(_) => self.to_target(physics) <= 0.0,
        };
        f64::from(u8::from(done))
    }
}

impl Finger {
    /// x and z of a sensed position, relative to the spinner's hinge.
    fn seen_from_spinner(&self, physics: &Physics, position: usize) -> [f64; 2] {
        let data = physics.sensordata();
        [0, 2].map(|axis| data[position + axis] - data[self.spinner + axis])
    }

    /// Distance of the tip from the target's surface in m, negative inside.
    fn to_target(&self, physics: &Physics) -> f64 {
        let [tip_x, tip_z] = self.seen_from_spinner(physics, self.tip);
        let [target_x, target_z] = self.seen_from_spinner(physics, self.target);
        let (x, z) = (target_x - tip_x, target_z - tip_z);
        (x * x + z * z).sqrt() - physics.model().site_size()[self.target_site][0]
    }
}
