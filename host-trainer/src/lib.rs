//! Trains all-action policy gradients on the DeepMind Control Suite and exports policy images.
//!
//! The algorithm is [`train`], from top to bottom. Who supplies the extra actions of each state is
//! [`estimator`], what is done with them is [`update`]. Networks, `[S, P]` for `S` seeds at once, are
//! [`nn`]; acting and advantages are `daa-core`'s, the code that runs on the microcontroller.

pub mod bench;
pub mod cli;
pub mod closed_form;
pub mod diagnose;
pub mod doctor;
pub mod drive;
pub mod experiment;
pub mod export;
pub mod flash;
pub mod inspect;
pub mod integers;
pub mod interchange;
pub(crate) mod jobs;
pub mod monitor;
pub mod planning;
pub mod render;
pub mod report;
pub mod session;
pub mod sweep;
pub mod variance;
