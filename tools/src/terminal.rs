//! Running a program on a pseudo-terminal.

use std::fs::File;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

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
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?.into_string()?;
    let theirs = File::options().read(true).write(true).open(&name).context(name)?;
    tcsetwinsize(&theirs, Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
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
