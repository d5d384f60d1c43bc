//! Random starts: joints drawn as dm_control draws them, again until nothing is in contact.

use std::f64::consts::PI;

use mujoco_rs::wrappers::mj_model::MjtJoint;

use crate::mujoco::physics::Physics;
use crate::random::Random;
use crate::task::Attempts;

/// Limit on attempts at a start without contact; dm_control tries without limit.
pub(super) const MAX_ATTEMPTS: u32 = 10_000;

/// Draws limited joints in their ranges, unlimited hinges in [-pi, pi), and the orientations of
/// free joints; positions of free joints and unlimited slides stay.
///
/// Source: `dm_control/suite/utils/randomizers.py`, without its cases for ball joints: no
/// task here has one.
pub(super) fn random_joints(physics: &mut Physics, random: &mut Random) {
    for joint in 0..physics.model().jnt_type().len() {
        let model = physics.model();
        let address = model.jnt_qposadr()[joint] as usize;
        let kind = model.jnt_type()[joint];
        if model.jnt_limited()[joint] {
            let [low, high] = model.jnt_range()[joint];
            physics.qpos_mut()[address] = random.uniform(low, high);
        } else if kind == MjtJoint::mjJNT_HINGE {
            physics.qpos_mut()[address] = random.uniform(-PI, PI);
        } else if kind == MjtJoint::mjJNT_FREE {
            // dm_control draws from the positive orthant only, and keeps this for comparable results.
            let quaternion = [0; 4].map(|_| random.uniform(0.0, 1.0));
            physics.qpos_mut()[address + 3..address + 7].copy_from_slice(&unit(quaternion));
        }
    }
}

/// Calls `draw` until nothing is in contact.
///
/// # Errors
/// [`Attempts`] after `attempts` calls.
pub(crate) fn until_clear(
    physics: &mut Physics,
    attempts: u32,
    mut draw: impl FnMut(&mut Physics),
) -> Result<(), Attempts> {
    for _ in 0..attempts {
        draw(physics);
        physics.settle();
        if physics.ncon() == 0 {
            return Ok(());
        }
    }
    Err(Attempts(attempts))
}

/// The quaternion, scaled to length 1.
pub(crate) fn unit(quaternion: [f64; 4]) -> [f64; 4] {
    let norm = quaternion.iter().map(|q| q * q).sum::<f64>().sqrt();
    quaternion.map(|q| q / norm)
}
