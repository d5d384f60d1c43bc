//! Starting other programs: with a clean environment, and with one line when they fail.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use anyhow::{Result, anyhow, bail};

/// Returns `cargo` as the user started it, in `dir`, without what the outer cargo set for this
/// program alone.
pub(crate) fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(set_by_outer_cargo) {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether `cargo run` sets this variable for the program it runs. Left in place they would make
/// build scripts believe that their environment had changed.
fn set_by_outer_cargo(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || matches!(
            name,
            "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_CRATE_NAME" | "CARGO_BIN_NAME"
        )
}

/// Returns `cargo` for the firmware: its own configuration decides on compiler, target and flags,
/// whatever the user exported for other projects.
pub(crate) fn firmware_cargo(dir: &Path) -> Command {
    let mut command = cargo(dir);
    for name in [
        "RUSTC",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTC",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs `command` with the user's terminal.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    let _patience = LeaveInterrupts::to_children();
    command.status().map_err(|error| not_started(command, &error))
}

/// Runs `command` with the user's terminal.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn interactive(command: &mut Command, what: &str) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// While it lives, Ctrl-C reaches the programs started here and not this one: it waits until they
/// have saved what they want to keep, and then sees how they ended.
pub(crate) struct LeaveInterrupts {
    before: libc::sighandler_t,
}

impl LeaveInterrupts {
    pub(crate) fn to_children() -> Self {
        extern "C" fn nothing(_: libc::c_int) {}
        // Not "ignore": that would be passed on to the programs started meanwhile.
        let handler = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the handler does nothing, hence nothing that is not allowed in one.
        let before = unsafe { libc::signal(libc::SIGINT, handler) };
        Self { before }
    }
}

impl Drop for LeaveInterrupts {
    fn drop(&mut self) {
        // SAFETY: `before` is what an earlier call returned for the same signal.
        unsafe { libc::signal(libc::SIGINT, self.before) };
    }
}

/// Runs `command` and returns what it printed, whatever its exit status.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.output().map_err(|error| not_started(command, &error))
}

/// Runs `command` and returns its standard output without the trailing line end, or none when it
/// cannot be started or fails.
pub(crate) fn text(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Makes the kernel end `command` with this program, in whatever way this program ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only `prctl` is called, which is async-signal-safe and touches no
    // memory of this process.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

/// Turns the failure to start a program into a sentence that names it.
pub(crate) fn not_started(command: &Command, error: &io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        anyhow!("`{program}` was not found; install it or put it on the PATH")
    } else {
        anyhow!("`{program}` could not be started: {error}")
    }
}

/// Returns the last line of `text` that says something, for a one-line message.
pub(crate) fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no message")
        .trim()
        .to_owned()
}

/// Looks `program` up on the PATH.
pub(crate) fn find_program(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let name = Path::new(program.as_ref());
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.metadata().is_ok_and(|meta| meta.is_file() && executable(&meta)))
}

fn executable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o111 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_in_the_message() {
        let mut command = Command::new("no-such-program-anywhere");
        let error = output(&mut command).unwrap_err().to_string();
        assert_eq!(
            error,
            "`no-such-program-anywhere` was not found; install it or put it on the PATH"
        );
        assert!(find_program("no-such-program-anywhere").is_none());
        assert!(find_program("sh").is_some());
    }

    #[test]
    fn the_last_line_skips_blank_ones() {
        assert_eq!(last_line(b"one\n  two \n\n"), "two");
        assert_eq!(last_line(b""), "no message");
    }
}
