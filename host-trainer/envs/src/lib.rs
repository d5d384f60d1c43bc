//! Tasks of the DeepMind Control Suite, natively and exactly, users' tasks, and agents that act in them.
//!
//! The models are dm_control's own files, simulated by the same MuJoCo; observations and rewards
//! equal Python dm_control 1.0.50 to rounding. [`find`] a [`Task`], make an [`Environment`] of
//! it, [`Environment::reset`], [`Environment::step`].
//!
//! Modules, each of which uses only modules above it:
//!
//! | module | what |
//! |---|---|
//! | `files`, `output` | files that users name; standard output |
//! | `nearest`, `parallel` | suggestions for misspelt words; threads |
//! | `random`, `streams` | random numbers |
//! | `state`, `error` | a saved episode as data; what can go wrong |
//! | `mujoco` | models compiled, names looked up, simulations stepped as dm_control does |
//! | `task` | names, sizes, units, ranges, rates; the traits that define a task |
//! | `suite` | the domains of the suite: starts, observations, rewards |
//! | `custom` | users' tasks: an MJCF file with a TOML, or two traits in Rust |
//! | `env` | an episode: reset, step, save, restore; the scene that cameras see |
//! | `registry` | tasks by name |
//! | `replay` | recorded episodes as JSON |
//! | `running_stats`, `agent` | a policy on the CPU |
//! | `act`, `evaluate` | the act-step loop; episodes of an agent |

pub mod act;
pub mod agent;
mod custom;
mod env;
mod error;
pub mod evaluate;
pub mod files;
mod mujoco;
mod nearest;
pub mod output;
pub mod parallel;
mod random;
mod registry;
pub mod replay;
pub mod running_stats;
mod state;
pub mod streams;
mod suite;
mod task;
#[cfg(test)]
mod tests;

pub use env::{Environment, Scene, Step};
pub use error::{Divergence, Error, UnknownTask};
pub use mujoco::model::{Scenery, silence};
pub use mujoco::names::{Joint, Names};
pub use mujoco::physics::{Physics, Stepping};
pub use nearest::nearest;
pub use random::{Random, RandomState};
pub use registry::{find, find_near, load, register};
pub use state::State;
pub use state::field::Field;
pub use suite::{SUITE_DIR_VARIABLE, all, reward, suite_dir};
pub use task::{Attempts, Behaviour, Bound, Definition, Reference, Signal, Source, Task};
