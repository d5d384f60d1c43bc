//! Models: MJCF texts compiled by MuJoCo, whose messages are kept off the terminal and the disk.

use std::sync::Once;

use mujoco_rs::mujoco_c::{mj_version, mjVERSION_HEADER};
use mujoco_rs::prelude::{MjLogMessage, MjModel, MjtLogLevel, set_log_handler};
use mujoco_rs::wrappers::mj_auxiliary::MjVfs;

use crate::error::Error;

/// How much of a model that only cameras see is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenery {
    /// No sky: for training.
    Bare,
    /// Everything that dm_control shows: for pictures.
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

/// A message on one line: MuJoCo's have several.
fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Checks the version of libmujoco: mujoco-rs would panic where it differs from the headers'.
fn check_version() -> Result<(), Error> {
    // SAFETY: the function returns a constant.
    let found = unsafe { mj_version() };
    let expected = mjVERSION_HEADER as i32;
    if found == expected { Ok(()) } else { Err(Error::Version { found, expected }) }
}

/// Keeps MuJoCo from writing `MUJOCO_LOG.TXT` into the current folder and from printing warnings,
/// which the environments read from its counters. Only the first call has an effect; every model is
/// compiled after it.
pub fn silence() {
    static ONCE: Once = Once::new();
    // SAFETY: no thread uses MuJoCo before this call has returned: every model is compiled by
    // `compile`, and `Once` makes other threads wait.
    ONCE.call_once(|| unsafe { set_log_handler(report) });
}

fn report(message: &MjLogMessage) {
    // MuJoCo ends the process after an error: the message says why.
    if message.level() == MjtLogLevel::mjLOG_ERROR {
        eprintln!("MuJoCo: {}", message.subject());
    }
}
