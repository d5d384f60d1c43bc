//! The commands, one file each.

pub(crate) mod bench;
pub(crate) mod boot;
pub(crate) mod doctor;
pub(crate) mod emulate;
pub(crate) mod faults;
pub(crate) mod fuzz;
pub(crate) mod record;
pub(crate) mod renamed;
pub(crate) mod setup;
pub(crate) mod size;
pub(crate) mod test;
pub(crate) mod train;
pub(crate) mod upload;
