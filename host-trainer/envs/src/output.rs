//! Writing to standard output without panics, also where it is a closed pipe or a full disk.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Write};

/// Writes text to standard output. Where it is a closed pipe, the program exits without a message, as it
/// would by the signal SIGPIPE, which Rust ignores.
///
/// # Errors
/// When the text cannot be written for another reason.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(141),
        result => result.context("cannot write to standard output"),
    }
}

/// Writes a line to standard output.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Writes text to the file `path`; does nothing where there is none.
///
/// # Errors
/// What failed, with the file's name.
pub fn write_file(path: Option<&std::path::Path>, text: &str) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
