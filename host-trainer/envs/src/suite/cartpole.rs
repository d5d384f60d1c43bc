//! Cartpole: a cart on a rail balances one, two or three poles, or swings them up first.
//!
//! Source: `dm_control/suite/cartpole.py`.

use std::f64::consts::PI;
use std::sync::Arc;

use super::domain::Domain;
use super::model::Xml;
use super::reference::returns;
use super::reward::{Sigmoid, tolerance};
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::Physics;
use crate::mujoco::physics::element::{XZ, ZZ};
use crate::random::Random;
use crate::task::{Attempts, Behaviour, Signal, Task};

/// The tasks' differences: number of poles, start hanging or upright, sparse or smooth reward.
#[derive(Debug, Clone, Copy)]
struct Variant {
    poles: usize,
    swing_up: bool,
    sparse: bool,
}

/// The tasks of the domain.
pub(super) fn tasks() -> Vec<Task> {
    let task = |name, poles, swing_up, sparse| {
        let variant = Variant { poles, swing_up, sparse };
        Task {
            name,
            observations: observations(poles),
            actions: vec![Signal::symmetric("slide", "1", 1.0)],
            physics_timestep: 0.01,
            physics_steps: 1,
            episode_steps: 1000,
            references: returns(name),
            model: Arc::new(variant),
        }
    };
    vec![
        task("cartpole-balance", 1, false, false),
        task("cartpole-balance_sparse", 1, false, true),
        task("cartpole-swingup", 1, true, false),
        task("cartpole-swingup_sparse", 1, true, true),
        task("cartpole-two_poles", 2, true, false),
        task("cartpole-three_poles", 3, true, false),
    ]
}

fn observations(poles: usize) -> Vec<Signal> {
    // The rail ends softly at 1.8 m. 10 N push 1.1 kg over 3.6 m to 8 m/s. Policies that look for
    // the fastest spin in a whole episode reach 64 rad/s with one pole and 83 rad/s with three.
    let mut signals = vec![Signal::symmetric("cart_position", "m", 2.5)];
    for pole in 1..=poles {
        signals.push(Signal::direction(format!("pole_{pole}_cos")));
        signals.push(Signal::direction(format!("pole_{pole}_sin")));
    }
    signals.push(Signal::symmetric("cart_velocity", "m/s", 15.0));
    let fastest = if poles == 1 { 100.0 } else { 150.0 };
    for pole in 1..=poles {
        let name = format!("pole_{pole}_velocity");
        signals.push(Signal::symmetric(name, "rad/s", fastest));
    }
    signals
}

impl Domain for Variant {
    const FILE: &'static str = "cartpole.xml";

    /// Attaches further poles to the first one, and moves floor and cameras out of their way.
    fn edit(&self, xml: Xml) -> Result<Xml, Error> {
        let poles = self.poles;
        if poles == 1 {
            return Ok(xml);
        }
        let mut chain = String::from(r#"<geom name="pole_1"/>"#);
        for pole in 2..=poles {
            chain += &format!(
                r#"<body name="pole_{pole}" pos="0 0 1" childclass="pole"><joint name="hinge_{pole}"/><geom name="pole_{pole}"/>"#
            );
        }
        chain += &"</body>".repeat(poles - 1);
        let n = poles as f64;
        xml.replace(r#"<geom name="pole_1"/>"#, &chain)?
            .replace(
                r#"name="floor" pos="0 0 -.05""#,
                &format!(r#"name="floor" pos="0 0 {}""#, 1.0 - n - 0.05),
            )?
            .replace(r#"pos="0 -4 1""#, &format!(r#"pos="0 {} 1""#, -1.0 - 2.0 * n))?
            .replace(r#"pos="0 -2 2""#, &format!(r#"pos="0 {} 2""#, -2.0 * n))
    }

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Ok(Box::new(Cartpole {
            variant: *self,
            slider: names.joint("slider")?,
            first_hinge: names.joint("hinge_1")?,
            first_pole: names.body("pole_1")?,
        }))
    }
}

/// A task bound to a model: indices of what it reads.
#[derive(Debug)]
struct Cartpole {
    variant: Variant,
    slider: Joint,
    first_hinge: Joint,
    first_pole: usize,
}

impl Behaviour for Cartpole {
    fn start(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        let (slider, hinge) = (self.slider.qpos, self.first_hinge.qpos);
        let qpos = physics.qpos_mut();
        if self.variant.swing_up {
            qpos[slider] = 0.01 * random.normal();
            qpos[hinge] = PI + 0.01 * random.normal();
            for angle in &mut qpos[hinge + 1..] {
                *angle = 0.1 * random.normal();
            }
        } else {
            qpos[slider] = random.uniform(-0.1, 0.1);
            for angle in &mut qpos[hinge..] {
                *angle = random.uniform(-0.034, 0.034);
            }
        }
        for velocity in physics.qvel_mut() {
            *velocity = 0.01 * random.normal();
        }
        Ok(())
    }

    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        observation[0] = physics.qpos()[self.slider.qpos];
        let (angles, velocities) = observation[1..].split_at_mut(2 * self.variant.poles);
        for (angle, frame) in angles.chunks_exact_mut(2).zip(self.pole_frames(physics)) {
            angle[0] = frame[ZZ];
            angle[1] = frame[XZ];
        }
        velocities.copy_from_slice(physics.qvel());
    }

    fn reward(&self, physics: &Physics) -> f64 {
        let position = physics.qpos()[self.slider.qpos];
        let cosines = || self.pole_frames(physics).iter().map(|frame| frame[ZZ]);
        if self.variant.sparse {
            let in_bounds = |x, bounds| tolerance(x, bounds, 0.0, Sigmoid::DEFAULT);
            let upright: f64 = cosines().map(|cosine| in_bounds(cosine, (0.995, 1.0))).product();
            return in_bounds(position, (-0.25, 0.25)) * upright;
        }
        let near = |x, margin| tolerance(x, (0.0, 0.0), margin, Sigmoid::DEFAULT);
        let upright =
            cosines().map(|cosine| (cosine + 1.0) / 2.0).sum::<f64>() / self.variant.poles as f64;
        let centered = (1.0 + near(position, 2.0)) / 2.0;
        let control = physics.ctrl()[0];
        let small_control = tolerance(control, (0.0, 0.0), 1.0, Sigmoid::Quadratic(0.0));
        let small_control = (4.0 + small_control) / 5.0;
        let small_velocity = physics.qvel()[self.first_hinge.dof..]
            .iter()
            .map(|&velocity| near(velocity, 5.0))
            .fold(f64::INFINITY, f64::min);
        let small_velocity = (1.0 + small_velocity) / 2.0;
        upright * small_control * small_velocity * centered
    }
}

impl Cartpole {
    /// Orientations of the poles, beginning with the pole on the cart.
    fn pole_frames<'p>(&self, physics: &'p Physics) -> &'p [[f64; 9]] {
        &physics.xmat()[self.first_pole..]
    }
}
