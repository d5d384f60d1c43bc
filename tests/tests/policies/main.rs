//! Exported policies: damaged images, policies of other programs, other number formats, pictures, faults.
#![allow(clippy::unwrap_used)]

mod campaign;
mod image;
mod import;
mod integers;
mod interchange;
mod render;
