//! All-action policy gradients on libtorch.
//!
//! The algorithm is [`train`], from top to bottom. [`estimator`] supplies the extra actions of each
//! state, [`update`] improves actor and critic with them. Networks, `[S, P]` for `S` seeds at once, are in
//! [`nn`]; acting and advantages are `daa-core`'s, the code that runs on the microcontroller.

pub mod advisor;
pub mod config;
pub mod data;
pub mod decomposition;
pub mod estimator;
pub mod gaussian;
pub mod metrics;
pub mod nn;
pub mod number;
pub mod registry;
pub mod rollout;
pub mod run;
pub mod settings;
pub mod testing;
pub mod train;
pub mod update;
pub mod world_model;
