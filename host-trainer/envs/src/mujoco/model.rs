//! Models: MJCF texts compiled by MuJoCo, whose messages are kept off the terminal and the disk.

use std::sync::Once;

use mujoco_rs::mujoco_c::{mj_version, mjVERSION_HEADER};
use mujoco_rs::prelude::{MjLogMessage, MjModel, MjtLogLevel, set_log_handler};
use mujoco_rs::wrappers::mj_auxiliary::MjVfs;

use crate::error::Error;

/// What the model shows besides what it simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenery {
    /// Without the sky: for training.
    Bare,
    /// With everything dm_control shows: for pictures.
    Full,
}

/// Compiles `main`, one of the `files`, which are pairs of name and text. `refused` makes an error of
/// MuJoCo's message, which is given as one line.
pub(crate) fn compile(
    main: &str,
    files: &[(&str, &str)],
    refused: impl Fn(String) -> Error,
) -> Result<MjModel, Error> {
    silence();
    check_version()?;
    let mut virtual_files = MjVfs::new();
    for (name, text) in files {
        virtual_files
            .add_from_buffer(name, text.as_bytes())
            .map_err(|error| refused(one_line(&error)))?;
    }
    MjModel::from_xml_vfs(main, &virtual_files).map_err(|error| refused(one_line(&error)))
}

/// MuJoCo's messages run over several lines.
fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// mujoco-rs panics where the library at hand is not the one it was made for.
fn check_version() -> Result<(), Error> {
    // SAFETY: returns a constant.
    let found = unsafe { mj_version() };
    let expected = mjVERSION_HEADER as i32;
    if found == expected { Ok(()) } else { Err(Error::Version { found, expected }) }
}

/// Keeps MuJoCo from writing `MUJOCO_LOG.TXT` into the current folder and from printing warnings,
/// which the environments read from its counters. Runs once; everything in this module that
/// calls MuJoCo comes after it.
pub fn silence() {
    static ONCE: Once = Once::new();
    // SAFETY: no thread uses MuJoCo before this call has returned: every model is loaded through
    // `load`, and `Once` makes other threads wait.
    ONCE.call_once(|| unsafe { set_log_handler(report) });
}

fn report(message: &MjLogMessage) {
    // MuJoCo ends the process after an error: say why.
    if message.level() == MjtLogLevel::mjLOG_ERROR {
        eprintln!("MuJoCo: {}", message.subject());
    }
}
