//! Names of a compiled model, looked up once when a task is bound to it.

use mujoco_rs::prelude::{MjModel, MjtObjBase};
use mujoco_rs::wrappers::mj_model::{MjtJoint, MjtSensor};

use crate::error::Error;

/// Addresses of a joint's first coordinate and first velocity.
#[derive(Debug, Clone, Copy)]
pub struct Joint {
    /// Address of the first coordinate in `qpos`.
    pub qpos: usize,
    /// Address of the first velocity in `qvel`.
    pub dof: usize,
}

/// The names of a compiled model.
#[derive(Debug)]
pub struct Names<'m> {
    /// The model.
    pub model: &'m MjModel,
    /// File that refers to the names, for messages.
    pub(crate) file: String,
    /// Whether the model is a user's, not dm_control's: then a missing name is the user's mistake.
    custom: bool,
}

/// Most names that a message lists.
const LISTED: usize = 30;

impl<'m> Names<'m> {
    pub(crate) fn new(model: &'m MjModel, file: String, custom: bool) -> Self {
        Self { model, file, custom }
    }

    fn id(&self, kind: MjtObjBase, noun: &str, name: &str) -> Result<usize, Error> {
        self.model.name_to_id(kind, name).ok_or_else(|| self.missing(kind, noun, name))
    }

    #[cold]
    fn missing(&self, kind: MjtObjBase, noun: &str, name: &str) -> Error {
        let file = self.file.clone();
        if !self.custom {
            return Error::ModelDiffers { file, what: format!("the file has no {noun} {name:?}") };
        }
        let count = self.count(kind);
        let names = (0..count).filter_map(|id| self.model.id_to_name(kind, id));
        let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        let more = names.len().saturating_sub(LISTED);
        names.truncate(LISTED);
        let has = match (names.as_slice(), more) {
            ([], _) => format!("no {noun} of the model has a name"),
            (names, 0) => format!("it has {}", names.join(", ")),
            (names, more) => format!("it has {} and {more} more", names.join(", ")),
        };
        Error::Custom { file, what: format!("the model has no {noun} {name:?}: {has}") }
    }

    fn count(&self, kind: MjtObjBase) -> usize {
        let model = self.model;
        match kind {
            MjtObjBase::mjOBJ_BODY => model.nbody() as usize,
            MjtObjBase::mjOBJ_GEOM => model.ngeom() as usize,
            MjtObjBase::mjOBJ_SITE => model.site_pos().len(),
            MjtObjBase::mjOBJ_JOINT => model.jnt_type().len(),
            MjtObjBase::mjOBJ_SENSOR => model.sensor_type().len(),
            MjtObjBase::mjOBJ_ACTUATOR => model.actuator_ctrlrange().len(),
            MjtObjBase::mjOBJ_KEY => model.nkey() as usize,
            _ => 0,
        }
    }

    /// Index of a body.
    ///
    /// # Errors
    /// [`Error::Custom`] or [`Error::ModelDiffers`] where the model has no such name; the message lists the
    /// names that it has.
    pub fn body(&self, name: &str) -> Result<usize, Error> {
        self.id(MjtObjBase::mjOBJ_BODY, "body", name)
    }

    /// Index of a geom.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn geom(&self, name: &str) -> Result<usize, Error> {
        self.id(MjtObjBase::mjOBJ_GEOM, "geom", name)
    }

    /// Index of a site.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn site(&self, name: &str) -> Result<usize, Error> {
        self.id(MjtObjBase::mjOBJ_SITE, "site", name)
    }

    /// Index of an actuator.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn actuator(&self, name: &str) -> Result<usize, Error> {
        self.id(MjtObjBase::mjOBJ_ACTUATOR, "actuator", name)
    }

    /// Index of a joint.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn joint_id(&self, name: &str) -> Result<usize, Error> {
        self.id(MjtObjBase::mjOBJ_JOINT, "joint", name)
    }

    /// Addresses of a joint.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn joint(&self, name: &str) -> Result<Joint, Error> {
        self.joint_id(name).map(|id| self.joint_at(id))
    }

    /// Index of a keyframe.
    pub(crate) fn keyframe(&self, name: &str) -> Result<usize, Error> {
        self.id(MjtObjBase::mjOBJ_KEY, "keyframe", name)
    }

    fn joint_at(&self, id: usize) -> Joint {
        Joint {
            qpos: self.model.jnt_qposadr()[id] as usize,
            dof: self.model.jnt_dofadr()[id] as usize,
        }
    }

    /// All joints of a type, in the model's order.
    pub(crate) fn joints_of(&self, kind: MjtJoint) -> Vec<Joint> {
        let types = self.model.jnt_type();
        (0..types.len()).filter(|&id| types[id] == kind).map(|id| self.joint_at(id)).collect()
    }

    /// Address of a sensor's first value.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn sensor(&self, name: &str) -> Result<usize, Error> {
        self.sensor_values(name).map(|(address, _)| address)
    }

    /// Address of a sensor's first value, and how many it has.
    ///
    /// # Errors
    /// As for [`Self::body`].
    pub fn sensor_values(&self, name: &str) -> Result<(usize, usize), Error> {
        let id = self.id(MjtObjBase::mjOBJ_SENSOR, "sensor", name)?;
        Ok((self.model.sensor_adr()[id] as usize, self.model.sensor_dim()[id] as usize))
    }

    /// Addresses of all values of the sensors of some types, in the model's order.
    pub(crate) fn sensors_of(&self, types: &[MjtSensor]) -> Vec<usize> {
        let model = self.model;
        (0..model.sensor_type().len())
            .filter(|&id| types.contains(&model.sensor_type()[id]))
            .flat_map(|id| {
                let start = model.sensor_adr()[id] as usize;
                start..start + model.sensor_dim()[id] as usize
            })
            .collect()
    }
}
