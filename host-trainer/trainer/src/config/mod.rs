//! The resolved configuration of a run: default < preset < file < `--set key=value`.
//!
//! | file | what |
//! |---|---|
//! | `renamed` | keys of older versions |
//! | `sources`, `layers`, `resolve` | from sources to values |
//! | `check`, `memory` | what is possible together, and on this machine |
//! | `arguments`, `help`, `seeds` | the command line |
//!
//! The options themselves are defined in [`settings`](crate::settings).

mod arguments;
mod check;
mod help;
mod layers;
mod memory;
mod renamed;
mod resolve;
mod seeds;
mod sources;

pub use crate::settings::*;
pub use arguments::{Arguments, RunArguments, SourceArguments};
pub use help::{help, run_help};
pub use layers::{assigned, read_resolved};
pub use renamed::old_key;
pub use resolve::{PRESETS, resolve, resolve_from};
pub use seeds::{Seeds, parse_seeds};
pub use sources::{Preset, Sources};
