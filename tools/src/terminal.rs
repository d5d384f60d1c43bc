//! Running a program on a pseudo-terminal.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, ExitStatus, Stdio};
use std::{ptr, thread};

use anyhow::{Context, Result, anyhow};

/// How a program ended on a terminal, and what it wrote.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output, which is not the terminal.
    pub stdout: String,
    /// The text that the terminal received, escape sequences included.
    pub terminal: String,
}

/// Runs a program whose standard error is a terminal of 40 rows and of `columns` columns.
///
/// # Errors
/// When there is no pseudo-terminal, the program cannot be started, or it writes something else than text.
pub fn run(command: &mut Command, columns: u16) -> Result<Ended> {
    let (ours, theirs) = open(columns).context("cannot open a pseudo-terminal")?;
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(theirs);
    let child = command.spawn()?;
    // The command's copy of the other end would keep the terminal open.
    command.stderr(Stdio::null());
    let reader = thread::spawn(move || {
        let (mut bytes, mut terminal) = (Vec::new(), File::from(ours));
        // Linux reports the end of the other side as an error.
        let _ = terminal.read_to_end(&mut bytes);
        String::from_utf8(bytes)
    });
    let output = child.wait_with_output()?;
    let terminal = reader.join().map_err(|_| anyhow!("the reader of the terminal panicked"))??;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Ended { status: output.status, stdout, terminal })
}

/// Opens a pseudo-terminal and returns our end and the program's end.
fn open(columns: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let size = libc::winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut ours, mut theirs) = (0, 0);
    let (name, settings) = (ptr::null_mut(), ptr::null());
    // SAFETY: the two integers and `size` outlive the call; null pointers stand for "no name" and "default settings".
    if unsafe { libc::openpty(&mut ours, &mut theirs, name, settings, &size) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both descriptors were opened just now, and nothing else owns them.
    let ends = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    // A second copy of our end in the program would keep the terminal open.
    // SAFETY: the call only sets a flag of our descriptor.
    if unsafe { libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_finds_a_terminal_of_that_width() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "test -t 2 && stty size <&2 >&2; echo out"]);
        let ended = run(&mut shell, 77).unwrap();
        assert!(ended.status.success());
        assert_eq!((ended.stdout.as_str(), ended.terminal.as_str()), ("out\n", "40 77\r\n"));
    }
}
