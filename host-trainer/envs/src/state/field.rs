//! The arrays of a model that an episode may edit.

use std::fmt;
use std::str::FromStr;

use mujoco_rs::prelude::MjModel;
use serde::{Deserialize, Serialize};

use crate::nearest::nearest;

/// An editable array of the model, under MuJoCo's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Damping of each degree of freedom.
    DofDamping,
    /// Positions of geoms in their bodies, 3 numbers each.
    GeomPos,
    /// Sizes of geoms, 3 numbers each.
    GeomSize,
    /// Positions of sites in their bodies, 3 numbers each.
    SitePos,
    /// Colours of sites, 4 numbers each, which affect pictures only.
    SiteRgba,
    /// Sizes of sites, 3 numbers each.
    SiteSize,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 6] = [
        Self::DofDamping,
        Self::GeomPos,
        Self::GeomSize,
        Self::SitePos,
        Self::SiteRgba,
        Self::SiteSize,
    ];

    /// MuJoCo's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DofDamping => "dof_damping",
            Self::GeomPos => "geom_pos",
            Self::GeomSize => "geom_size",
            Self::SitePos => "site_pos",
            Self::SiteRgba => "site_rgba",
            Self::SiteSize => "site_size",
        }
    }

    /// Reads the array, flat.
    pub(crate) fn read(self, model: &MjModel) -> Vec<f64> {
        match self {
            Self::DofDamping => model.dof_damping().to_vec(),
            Self::GeomPos => model.geom_pos().as_flattened().to_vec(),
            Self::GeomSize => model.geom_size().as_flattened().to_vec(),
            Self::SitePos => model.site_pos().as_flattened().to_vec(),
            Self::SiteRgba => {
                let flat = model.site_rgba().as_flattened();
                flat.iter().map(|&value| f64::from(value)).collect()
            }
            Self::SiteSize => model.site_size().as_flattened().to_vec(),
        }
    }

    /// Overwrites the array.
    ///
    /// # Errors
    /// The array's length, where `values` has another.
    pub(crate) fn write(self, model: &mut MjModel, values: &[f64]) -> Result<(), usize> {
        let array = match self {
            Self::DofDamping => model.dof_damping_mut(),
            Self::GeomPos => model.geom_pos_mut().as_flattened_mut(),
            Self::GeomSize => model.geom_size_mut().as_flattened_mut(),
            Self::SitePos => model.site_pos_mut().as_flattened_mut(),
            Self::SiteSize => model.site_size_mut().as_flattened_mut(),
            Self::SiteRgba => {
                let colours = model.site_rgba_mut().as_flattened_mut();
                if colours.len() != values.len() {
                    return Err(colours.len());
                }
                for (colour, &value) in colours.iter_mut().zip(values) {
                    *colour = value as f32;
                }
                return Ok(());
            }
        };
        if array.len() != values.len() {
            return Err(array.len());
        }
        array.copy_from_slice(values);
        Ok(())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|field| field.name() == name).ok_or_else(|| {
            let nearest = nearest(name, Self::ALL.map(Self::name));
            format!("the model has no editable field {name:?}: did you mean {nearest:?}?")
        })
    }
}
