//! Launchers of the programs around this project: cargo, pip, apt-get, QEMU, `host-trainer`.
//!
//! `cargo xtask` (`main.rs` and `commands/`) is made of this library, and the whole-system tests use it, too.
//! It starts programs and reads what they print; it is not linked with any library of the workspace.
//! Each module uses only modules above it in this table:
//!
//! | module | does |
//! |---|---|
//! | [`progress`] | lines and spinners on standard error |
//! | [`process`] | starts programs, waits for them, words their failures |
//! | [`files`] | files and folders, with errors that say what to do |
//! | [`project`] | paths in the repository and in the user's cache folder |
//! | [`setup`] | fills `.deps/` |
//! | [`programs`] | builds and starts the workspace's programs |
//! | [`firmware`] | builds the firmware, reads its ELF file and its log |
//! | [`qemu`] | starts the emulated microcontroller |
//! | [`terminal`] | runs a program on a pseudo-terminal |
//! | [`hil`] | closes the loop between `host-trainer hil` and the emulated microcontroller |
//! | [`fuzzing`] | builds and runs the fuzz targets |
//! | [`mod@bench`] | counts instructions of kernels and of whole ticks |

pub mod bench;
pub mod files;
pub mod firmware;
pub mod fuzzing;
pub mod hil;
pub mod process;
pub mod programs;
pub mod progress;
pub mod project;
pub mod qemu;
pub mod setup;
pub mod terminal;
