//! Starting other programs: with a clean environment, and with one line when they fail.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use anyhow::{Result, anyhow, bail};

use crate::progress::say;

/// Returns the `cargo` that the user started, to be run in `dir`, without the variables that `cargo run` set
/// for this program alone.
pub fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(set_by_cargo_run) {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether `cargo run` sets this variable for the program it runs. Build scripts of an inner cargo would take
/// these variables for a change of their environment and run again.
fn set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || matches!(
            name,
            "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_CRATE_NAME" | "CARGO_BIN_NAME"
        )
}

/// Returns `cargo` for the firmware: compiler, target and flags come from the firmware's own configuration,
/// not from variables that the user exported for other projects.
pub fn firmware_cargo(dir: &Path) -> Command {
    let mut command = cargo(dir);
    for name in [
        "RUSTC",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        // Incremental compilation splits the code differently: other sizes, other instruction counts.
        "CARGO_INCREMENTAL",
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
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    let _guard = LeaveInterrupts::to_children();
    command.status().map_err(|error| not_started(command, &error))
}

/// Runs `command` with the user's terminal. `what` names it in the error.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn interactive(command: &mut Command, what: &str) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// Runs `command` without input and returns its output, whatever its exit status.
///
/// # Errors
/// When it cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))
}

/// Runs `command` without input and returns its standard output. `what` begins the error message, and the last
/// line that the program wrote to standard error ends it; an empty `what` leaves only that line.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn succeed(command: &mut Command, what: &str) -> Result<Vec<u8>> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let line = complaint(&output.stderr);
    if what.is_empty() { bail!("{line}") } else { bail!("{what}: {line}") }
}

/// Runs `cargo`, whose messages are shown only if it fails. `what` names in the error what did not build.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn build(cargo: &mut Command, what: &str) -> Result<()> {
    let output = output(cargo)?;
    if !output.status.success() {
        say(String::from_utf8_lossy(&output.stderr));
        bail!("{what} did not build; the messages above say why");
    }
    Ok(())
}

/// Runs `command` and returns its standard output without the trailing line end; none when it cannot be started
/// or does not succeed.
pub fn text(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Starts `command`, and makes the kernel end it when this program ends, in whatever way.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(command: &mut Command) -> Result<Child> {
    die_with_parent(command);
    command.spawn().map_err(|error| not_started(command, &error))
}

/// Makes the kernel end `command` when this program ends, in whatever way.
pub fn die_with_parent(command: &mut Command) {
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

/// While this value lives, Ctrl-C ends the child processes and not this program, which then sees how they ended
/// and removes its temporary files.
pub struct LeaveInterrupts {
    before: libc::sighandler_t,
}

impl LeaveInterrupts {
    /// Installs a handler that does nothing. The handler is not "ignore", which child processes would inherit.
    #[must_use]
    pub fn to_children() -> Self {
        extern "C" fn nothing(_: libc::c_int) {}
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

/// Turns the failure to start a program into a sentence that names the program.
fn not_started(command: &Command, error: &io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        anyhow!("`{program}` was not found; install it or put it on the PATH")
    } else {
        anyhow!("`{program}` could not be started: {error}")
    }
}

/// Returns the last line of `text` that is not blank.
pub fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("no message").trim().to_owned()
}

/// Returns the last line that a program wrote to standard error, without the word "error".
pub fn complaint(stderr: &[u8]) -> String {
    let line = last_line(stderr);
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// Returns the path of a program on the PATH.
pub fn find_program(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let name = Path::new(program.as_ref());
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| is_program(path))
}

/// Whether a path is an executable file.
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
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
    fn a_failed_program_is_quoted_with_its_last_line() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let failing = "echo first >&2; echo 'error: second' >&2; exit 3";
        let message = |what| succeed(&mut shell(failing), what).unwrap_err().to_string();
        assert_eq!(message("the shell"), "the shell: second");
        assert_eq!(message(""), "second");
        assert_eq!(succeed(&mut shell("echo out"), "the shell").unwrap(), b"out\n");
    }

    #[test]
    fn the_last_line_skips_blank_ones() {
        assert_eq!(last_line(b"one\n  two \n\n"), "two");
        assert_eq!(last_line(b""), "no message");
    }
}
