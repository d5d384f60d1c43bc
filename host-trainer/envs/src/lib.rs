//! Tasks of the DeepMind Control Suite, natively and exactly.
//!
//! The models are dm_control's own files, simulated by the same MuJoCo; observations and rewards
//! equal Python dm_control 1.0.50 to rounding. [`find`] a [`Task`], make an [`Environment`] of
//! it, [`Environment::reset`], [`Environment::step`].
//!
//! | file | what |
//! |---|---|
//! | `spec`, `reference` | names, sizes, units, ranges, rates, published returns |
//! | `environment`, `state`, `trace` | an episode: reset, step, save, restore, report a blow-up |
//! | `physics` | MuJoCo, stepped as dm_control does |
//! | `model`, `field` | model files, and the arrays an episode edits |
//! | `domain`, `start` and one file a domain | starts, observations, rewards |
//! | `speed` | decisions per CPU second, and how many of them MuJoCo takes |
//! | `reward` | `tolerance` and its sigmoids |
//! | `replay` | recorded episodes as JSON |
//! | `own` | tasks of one's own: an MJCF file with a TOML, or two traits in Rust |

mod acrobot;
pub mod agent;
mod ball_in_cup;
mod cartpole;
mod cheetah;
mod domain;
mod environment;
mod error;
pub mod evaluate;
mod field;
pub mod files;
mod finger;
mod humanoid;
mod model;
pub mod output;
pub mod own;
mod pendulum;
mod physics;
mod point_mass;
mod quadruped;
mod random;
mod reacher;
mod reference;
pub mod replay;
pub mod reward;
pub mod running_stats;
mod scene;
mod spec;
mod speed;
mod start;
mod state;
pub mod streams;
#[cfg(test)]
mod tests;
mod trace;
mod walker;

pub use environment::{Environment, Step};
pub use error::{Divergence, Error};
pub use field::Field;
pub use model::{SUITE_DIR_VARIABLE, Scenery, silence, suite_dir};
pub use own::{find_near, load, register};
pub use physics::{Joint, Names, Physics, Stepping};
pub use random::{Random, RandomState};
pub use scene::Scene;
pub use spec::{Reference, Signal, Task, UnknownTask, all, find};
pub use speed::{Speed, measure};
pub use start::Attempts;
pub use state::State;
