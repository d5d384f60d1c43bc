//! The options of a run: one definition of each, grouped into tables.
//!
//! | file | what |
//! |---|---|
//! | `options` | what a definition has: key, type, default, help, rule |
//! | `config` | the options at the top, and all tables |
//! | `estimator`, `update`, `networks`, `schedule` | the tables |
//! | `error` | why there is no configuration |
//!
//! [`config`](crate::config) reads and checks them.

mod config;
mod error;
mod estimator;
mod networks;
pub mod options;
mod schedule;
mod update;

pub use config::{Config, flat};
pub use error::ConfigError;
pub use estimator::{EstimatorOptions, ModelOptions, NoiseScheme};
pub use networks::{ActorOptions, CriticOptions};
pub use options::{Entry, Options};
pub use schedule::{ActionCost, AdviseOptions, EvaluateOptions, RolloutOptions};
pub use update::{NormaliseOptions, PpoOptions, TrpoOptions, UpdateOptions};
