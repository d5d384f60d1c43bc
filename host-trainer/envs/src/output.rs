//! Standard output that may be a closed pipe or a full disk: no reason to panic.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Write};

/// Writes text to standard output. A pipe that nobody reads any more ends the program quietly, as the
/// signal that Rust ignores would have.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(141),
        result => result.context("cannot write to standard output"),
    }
}

/// [`print()`] with a line end.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Writes text to a file, where one is named.
///
/// # Errors
/// When the file cannot be written, with its name.
pub fn write_file(path: Option<&std::path::Path>, text: &str) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
