//! What is done with the estimator's actions and advantages.

mod ppo;

pub use ppo::{PpoOptions, UpdateReport, update};
