//! Studies: many runs that are compared, defined in one file, planned and run by one engine.
//!
//! | file | what |
//! |---|---|
//! | `definition` | the TOML file of a study: common values, tasks, a grid, named arms |
//! | `experiments` | the definitions that ship with the program |
//! | `plan`, `job` | the runs of a study, and the lines of a plan |
//! | `engine` | starts and resumes the runs, some at a time |
//! | `outcome` | the report of a study |
//!
//! Each run is a run directory. A finished run is not run again, and an unfinished one is resumed.

mod definition;
mod engine;
mod experiments;
mod job;
mod outcome;
mod plan;

pub use definition::{Arm, Definition};
pub use engine::Ending;
pub use experiments::{EXPERIMENTS, UnknownExperiment, experiment};
pub use job::{Job, id};
pub use outcome::write_report;
pub use plan::{Directories, Given, Line, Plan, read};
