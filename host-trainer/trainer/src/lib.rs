//! All-action policy gradients on libtorch.
//!
//! [`train`] contains the algorithm, to be read from top to bottom. [`estimator`] supplies the extra actions of each
//! state, and [`update`] improves actor and critic with them. [`nn`] holds the networks, with parameters `[S, P]` for
//! `S` seeds at once. Actions and advantages are computed by `daa-core`, the code that also runs on the
//! microcontroller.

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
