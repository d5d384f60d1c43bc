//! Starts of the episodes of a described task.

use mujoco_rs::wrappers::mj_model::MjtJoint;

use super::section::{Mistake, Section};
use crate::error::Error;
use crate::mujoco::names::{Joint, Names};
use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::suite::start::{unit, until_clear};
use crate::task::Attempts;

/// Most attempts at a start without contact.
const MAX_ATTEMPTS: u32 = 1000;

type Range = (f64, f64);

/// The table `[start]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Start {
    keyframe: Option<String>,
    position_noise: f64,
    velocity_noise: f64,
    clear: bool,
    joints: Vec<JointStart>,
}

/// A table `[[start.joint]]`.
#[derive(Clone, Debug, Default, PartialEq)]
struct JointStart {
    place: String,
    name: String,
    position: Option<Range>,
    velocity: Option<Range>,
    axes: [Option<Range>; 3],
    angles: [Option<Range>; 3],
    any_orientation: bool,
    linear_velocity: Option<Range>,
    angular_velocity: Option<Range>,
}

impl Start {
    const KEYS: [&str; 5] = ["keyframe", "position_noise", "velocity_noise", "clear", "joint"];
    const JOINT_KEYS: [&str; 12] = [
        "name",
        "position",
        "velocity",
        "x",
        "y",
        "z",
        "roll",
        "pitch",
        "yaw",
        "orientation",
        "linear_velocity",
        "angular_velocity",
    ];

    pub(super) fn take(table: toml::Table) -> Result<Self, Mistake> {
        let mut section = Section::new("start", table, &Self::KEYS)?;
        let mut noise = |key: &str| match section.finite(key, 0.0)? {
            noise if noise >= 0.0 => Ok(noise),
            noise => Err(section.mistake(format!("{key} = {noise} is negative"))),
        };
        let (position_noise, velocity_noise) = (noise("position_noise")?, noise("velocity_noise")?);
        let (keyframe, clear) = (section.text("keyframe")?, section.flag("clear")?);
        let joints = section.tables("joint")?.into_iter().enumerate();
        let joints = joints.map(|(index, table)| {
            let place = format!("start.joint {}", index + 1);
            Self::take_joint(Section::new(place, table, &Self::JOINT_KEYS)?)
        });
        let joints = joints.collect::<Result<_, Mistake>>()?;
        Ok(Self { keyframe, position_noise, velocity_noise, clear, joints })
    }

    fn take_joint(mut section: Section) -> Result<JointStart, Mistake> {
        let Some(name) = section.text("name")? else {
            return Err(section.mistake("name is missing: give the name of the joint"));
        };
        let any_orientation = match section.text("orientation")?.as_deref() {
            None => false,
            Some("any") => true,
            Some(other) => {
                return Err(section.mistake(format!(
                    "orientation = {other:?} is invalid: the only value is \"any\"; otherwise give roll, pitch and yaw"
                )));
            }
        };
        let mut three = |keys: [&str; 3]| -> Result<[Option<Range>; 3], Mistake> {
            let [a, b, c] = keys.map(|key| section.finite_pair(key));
            Ok([a?, b?, c?])
        };
        let (axes, angles) = (three(["x", "y", "z"])?, three(["roll", "pitch", "yaw"])?);
        if any_orientation && angles.iter().any(Option::is_some) {
            return Err(section.mistake("orientation = \"any\" excludes roll, pitch and yaw"));
        }
        Ok(JointStart {
            place: section.place().to_owned(),
            name,
            position: section.finite_pair("position")?,
            velocity: section.finite_pair("velocity")?,
            axes,
            angles,
            any_orientation,
            linear_velocity: section.finite_pair("linear_velocity")?,
            angular_velocity: section.finite_pair("angular_velocity")?,
        })
    }

    pub(super) fn bind(&self, names: &Names<'_>) -> Result<Starter, Error> {
        let keyframe = self.keyframe.as_ref().map(|name| names.keyframe(name)).transpose()?;
        let joint = |start: &JointStart| {
            let mistake = |what: String| Error::Custom {
                file: names.file.clone(),
                what: format!("{}: {what}", start.place),
            };
            let id = names.joint_id(&start.name).map_err(|error| match error {
                Error::Custom { what, .. } => mistake(what),
                other => other,
            })?;
            let kind = names.model.jnt_type()[id];
            start.check(kind).map_err(mistake)?;
            Ok((start.clone(), kind, names.joint(&start.name)?))
        };
        Ok(Starter {
            keyframe,
            noise: (self.position_noise, self.velocity_noise),
            scalar_positions: scalar_positions(names),
            clear: self.clear,
            joints: self.joints.iter().map(joint).collect::<Result<_, Error>>()?,
        })
    }
}

impl JointStart {
    /// Checks that the given keys are those of the joint's type.
    fn check(&self, kind: MjtJoint) -> Result<(), Mistake> {
        let scalar = self.position.is_some() || self.velocity.is_some();
        let turns = self.any_orientation
            || self.angles.iter().any(Option::is_some)
            || self.angular_velocity.is_some();
        let moves = self.axes.iter().any(Option::is_some) || self.linear_velocity.is_some();
        let (fits, keys) = match kind {
            MjtJoint::mjJNT_FREE => (
                !scalar,
                "x, y, z, roll, pitch, yaw, orientation, linear_velocity, angular_velocity",
            ),
            MjtJoint::mjJNT_BALL => {
                (!scalar && !moves, "roll, pitch, yaw, orientation, angular_velocity")
            }
            _ => (!turns && !moves, "position and velocity"),
        };
        if fits { Ok(()) } else { Err(format!("a joint like {:?} takes {keys}", self.name)) }
    }
}

/// Addresses of the positions that do not belong to a quaternion.
fn scalar_positions(names: &Names<'_>) -> Vec<usize> {
    let (kinds, starts) = (names.model.jnt_type(), names.model.jnt_qposadr());
    let joints = kinds.iter().zip(starts);
    let addresses = joints.flat_map(|(kind, &start)| {
        let len = match *kind {
            MjtJoint::mjJNT_FREE => 3,
            MjtJoint::mjJNT_BALL => 0,
            _ => 1,
        };
        start as usize..start as usize + len
    });
    addresses.collect()
}

/// A [`Start`] bound to a model.
#[derive(Debug)]
pub(super) struct Starter {
    keyframe: Option<usize>,
    noise: (f64, f64),
    scalar_positions: Vec<usize>,
    clear: bool,
    joints: Vec<(JointStart, MjtJoint, Joint)>,
}

impl Starter {
    pub(super) fn draw(&self, physics: &mut Physics, random: &mut Random) -> Result<(), Attempts> {
        if self.clear {
            return until_clear(physics, MAX_ATTEMPTS, |physics| self.draw_once(physics, random));
        }
        self.draw_once(physics, random);
        Ok(())
    }

    fn draw_once(&self, physics: &mut Physics, random: &mut Random) {
        if let Some(keyframe) = self.keyframe {
            physics.take_keyframe(keyframe);
        }
        for (start, kind, joint) in &self.joints {
            start.draw(*kind, *joint, physics, random);
        }
        let (position, velocity) = self.noise;
        if position > 0.0 {
            for &at in &self.scalar_positions {
                physics.qpos_mut()[at] += position * random.normal();
            }
        }
        if velocity > 0.0 {
            physics.qvel_mut().iter_mut().for_each(|v| *v += velocity * random.normal());
        }
    }
}

impl JointStart {
    fn draw(&self, kind: MjtJoint, joint: Joint, physics: &mut Physics, random: &mut Random) {
        let mut set = |slot: &mut f64, range: Option<Range>| {
            if let Some((low, high)) = range {
                *slot = random.uniform(low, high);
            }
        };
        // A free joint has a position, then a quaternion; a linear, then an angular velocity.
        let (quaternion, spin) = match kind {
            MjtJoint::mjJNT_FREE => (joint.qpos + 3, joint.dof + 3),
            _ => (joint.qpos, joint.dof),
        };
        match kind {
            MjtJoint::mjJNT_FREE | MjtJoint::mjJNT_BALL => {
                if kind == MjtJoint::mjJNT_FREE {
                    for axis in 0..3 {
                        set(&mut physics.qpos_mut()[joint.qpos + axis], self.axes[axis]);
                        set(&mut physics.qvel_mut()[joint.dof + axis], self.linear_velocity);
                    }
                }
                let mut angles = [0.0; 3];
                angles.iter_mut().zip(self.angles).for_each(|(angle, range)| set(angle, range));
                for axis in 0..3 {
                    set(&mut physics.qvel_mut()[spin + axis], self.angular_velocity);
                }
                let orientation = if self.any_orientation {
                    // A uniform direction in four dimensions is a uniform orientation.
                    Some(unit([0; 4].map(|_| random.normal())))
                } else {
                    self.angles.iter().any(Option::is_some).then(|| quaternion_of(angles))
                };
                if let Some(orientation) = orientation {
                    physics.qpos_mut()[quaternion..quaternion + 4].copy_from_slice(&orientation);
                }
            }
            _ => {
                set(&mut physics.qpos_mut()[joint.qpos], self.position);
                set(&mut physics.qvel_mut()[joint.dof], self.velocity);
            }
        }
    }
}

/// The quaternion of a roll about x, then a pitch about y, then a yaw about z, all axes of the world.
fn quaternion_of([roll, pitch, yaw]: [f64; 3]) -> [f64; 4] {
    let ((sr, cr), (sp, cp), (sy, cy)) =
        ((roll / 2.0).sin_cos(), (pitch / 2.0).sin_cos(), (yaw / 2.0).sin_cos());
    unit([
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn angles_become_the_quaternions_of_the_textbook() {
        let half = 0.5f64.sqrt();
        let close = |angles: [f64; 3], expected: [f64; 4]| {
            let found = quaternion_of(angles);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-15, "{angles:?}: {found}");
            }
        };
        close([0.0; 3], [1.0, 0.0, 0.0, 0.0]);
        close([PI / 2.0, 0.0, 0.0], [half, half, 0.0, 0.0]);
        close([0.0, PI / 2.0, 0.0], [half, 0.0, half, 0.0]);
        close([0.0, 0.0, PI], [0.0, 0.0, 0.0, 1.0]);
        // A quarter about x, then one about z: k i = j.
        close([PI / 2.0, 0.0, PI / 2.0], [0.5, 0.5, 0.5, 0.5]);
    }
}
