//! How a domain of the suite describes its tasks.

use std::fmt::Debug;

use mujoco_rs::prelude::MjModel;

use super::model::{Xml, load};
use crate::error::Error;
use crate::mujoco::model::Scenery;
use crate::mujoco::names::Names;
use crate::state::field::Field;
use crate::task::{Behaviour, TaskModel};

/// A task of a domain, before its model is compiled.
pub(super) trait Domain: Debug + Send + Sync {
    /// The model file in dm_control's suite folder.
    const FILE: &'static str;
    /// Model arrays that the start of an episode edits.
    const EDITED: &'static [Field] = &[];

    /// Edits the model file as dm_control does.
    fn edit(&self, xml: Xml) -> Result<Xml, Error> {
        Ok(xml)
    }

    /// Looks up the names that the task needs in the compiled model.
    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error>;
}

impl<D: Domain> TaskModel for D {
    fn file(&self) -> String {
        D::FILE.to_owned()
    }

    fn compile(&self, scenery: Scenery) -> Result<MjModel, Error> {
        load(D::FILE, |xml| self.edit(xml), scenery)
    }

    fn mismatch(&self, task: &str) -> Error {
        Error::ModelDiffers {
            file: D::FILE.to_owned(),
            what: format!("its actuators or time step are not those of {task}"),
        }
    }

    fn bind(&self, names: &Names<'_>) -> Result<Box<dyn Behaviour>, Error> {
        Domain::bind(self, names)
    }

    fn edited_fields(&self) -> &'static [Field] {
        D::EDITED
    }
}
