//! MuJoCo: models compiled, names looked up, simulations stepped as dm_control steps them.

pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod physics;
