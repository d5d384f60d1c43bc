//! One MuJoCo simulation, stepped and reset exactly as dm_control does.

use std::ops::Deref;

use mujoco_rs::prelude::{MjData, MjDataError, MjModel, MjtState};
use mujoco_rs::wrappers::mj_data::MjtWarning;
use mujoco_rs::wrappers::mj_model::MjtIntegrator;

/// Selects the full state of a simulation: everything that later steps depend on.
const INTEGRATION: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// MuJoCo's flag `mjDSBL_ACTUATION`, which disables the actuators.
const ACTUATION_OFF: i32 = 1 << 11;

/// Warnings after which the simulation is invalid: MuJoCo has reset it, or ignored the controls.
const FATAL: [(MjtWarning, &str); 4] = [
    (MjtWarning::mjWARN_BADQPOS, "BADQPOS"),
    (MjtWarning::mjWARN_BADQVEL, "BADQVEL"),
    (MjtWarning::mjWARN_BADQACC, "BADQACC"),
    (MjtWarning::mjWARN_BADCTRL, "BADCTRL"),
];

/// How one control step advances the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepping {
    /// dm_control's legacy step: afterwards positions, velocities and all quantities derived from
    /// them belong to the same instant. The suite's tasks are defined by it.
    Exact,
    /// Plain `mj_step`, which gives other trajectories. Only tests use it, as a negative control.
    Plain,
}

/// A simulation with its own model, which tasks may edit. Quantities derived from positions and
/// velocities are read through MuJoCo's accessors, such as `xpos()` and `sensordata()`.
#[derive(Debug)]
pub struct Physics {
    data: MjData<Box<MjModel>>,
    stepping: Stepping,
}

// Tasks read derived quantities through the accessors of MjData.
impl Deref for Physics {
    type Target = MjData<Box<MjModel>>;

    fn deref(&self) -> &Self::Target {
        &self.data
    }
}

impl Physics {
    pub(crate) fn new(model: MjModel) -> Self {
        Self { data: MjData::new(Box::new(model)), stepping: Stepping::Exact }
    }

    pub(crate) fn set_stepping(&mut self, stepping: Stepping) {
        self.stepping = stepping;
    }

    /// One control step of `steps` simulator steps with the controls that are set.
    ///
    /// Source: `dm_control/mujoco/engine.py`, `Physics.step`.
    #[inline]
    pub(crate) fn step(&mut self, steps: u32) {
        let data = &mut self.data;
        let runge_kutta = data.model_opt().integrator == MjtIntegrator::mjINT_RK4 as i32;
        match self.stepping {
            Stepping::Exact if runge_kutta => {
                (0..steps).for_each(|_| data.step());
                data.step1();
            }
            Stepping::Exact => {
                data.step2();
                (1..steps).for_each(|_| data.step());
                data.step1();
            }
            Stepping::Plain => (0..steps).for_each(|_| data.step()),
        }
    }

    /// Resets the simulation to the model's default pose. Edits of the model remain.
    pub(crate) fn reset(&mut self) {
        self.data.reset();
        self.settle();
    }

    /// Recomputes the quantities derived from positions and velocities. Actuators are disabled, since
    /// there are no meaningful controls yet.
    pub(crate) fn settle(&mut self) {
        let flags = self.model_opt().disableflags;
        self.data.model_opt_mut().disableflags = flags | ACTUATION_OFF;
        self.data.forward();
        self.data.model_opt_mut().disableflags = flags;
    }

    /// The generalised positions, to be set at the start of an episode.
    pub fn qpos_mut(&mut self) -> &mut [f64] {
        self.data.qpos_mut()
    }

    /// The generalised velocities, to be set at the start of an episode.
    pub fn qvel_mut(&mut self) -> &mut [f64] {
        self.data.qvel_mut()
    }

    /// Sets positions, velocities, activations and controls to those of a keyframe.
    pub(crate) fn take_keyframe(&mut self, id: usize) {
        let model = self.data.model();
        let row = |values: &[f64], keys: i64| {
            let len = values.len() / keys.max(1) as usize;
            values[id * len..(id + 1) * len].to_vec()
        };
        let keys = model.nkey();
        let [qpos, qvel, act, ctrl] =
            [model.key_qpos(), model.key_qvel(), model.key_act(), model.key_ctrl()]
                .map(|values| row(values, keys));
        self.data.qpos_mut().copy_from_slice(&qpos);
        self.data.qvel_mut().copy_from_slice(&qvel);
        self.data.act_mut().copy_from_slice(&act);
        self.data.ctrl_mut().copy_from_slice(&ctrl);
    }

    pub(crate) fn ctrl_mut(&mut self) -> &mut [f64] {
        self.data.ctrl_mut()
    }

    pub(crate) fn set_time(&mut self, seconds: f64) {
        self.data.set_time(seconds);
    }

    /// MuJoCo's data, for a renderer.
    pub(crate) fn data_mut(&mut self) -> &mut MjData<Box<MjModel>> {
        &mut self.data
    }

    /// The model, whose numbers may be edited.
    pub(crate) fn model_mut(&mut self) -> &mut MjModel {
        // SAFETY: the callers, all in this crate, write single numbers of the model; none
        // replaces the model or changes a size, an index or an address.
        unsafe { self.data.model_mut() }
    }

    /// Writes the full integration state in the layout of `mj_getState(mjSTATE_INTEGRATION)`.
    pub(crate) fn integration_state(&self, into: &mut Vec<f64>) {
        into.resize(self.integration_size(), 0.0);
        self.data.read_state_into(INTEGRATION, into);
    }

    pub(crate) fn integration_size(&self) -> usize {
        self.model().state_size(INTEGRATION)
    }

    /// Continues from a full integration state of the right size.
    pub(crate) fn set_integration_state(&mut self, state: &[f64]) -> Result<(), MjDataError> {
        self.data.reset();
        self.data.set_state(state, INTEGRATION)?;
        // Exact stepping assumes that the first half of a step has been made at this state.
        self.data.step1();
        Ok(())
    }

    /// MuJoCo's name of the warning that shows a diverged simulation; none while it is valid.
    #[inline]
    pub(crate) fn divergence(&self) -> Option<&'static str> {
        let raised = |(warning, _): &(MjtWarning, _)| self.data.warning()[*warning as usize].number;
        if FATAL.iter().map(raised).sum::<i32>() == 0 {
            return None;
        }
        FATAL.iter().find(|warning| raised(warning) > 0).map(|(_, name)| *name)
    }
}

/// Indices into MuJoCo's nine numbers of a rotation matrix, by dm_control's names: `XZ` is the x
/// component of the frame's z axis.
pub(crate) mod element {
    pub(crate) const XX: usize = 0;
    pub(crate) const XZ: usize = 2;
    pub(crate) const ZX: usize = 6;
    pub(crate) const ZY: usize = 7;
    pub(crate) const ZZ: usize = 8;
}

/// Euclidean distance of two points.
pub(crate) fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

/// Coordinates of a point in a frame whose origin is at `origin`; all three in world coordinates.
pub(crate) fn into_frame(frame: &[f64; 9], origin: &[f64; 3], point: &[f64; 3]) -> [f64; 3] {
    let offset = [0, 1, 2].map(|axis| point[axis] - origin[axis]);
    [0, 1, 2].map(|axis| (0..3).map(|row| offset[row] * frame[3 * row + axis]).sum())
}
