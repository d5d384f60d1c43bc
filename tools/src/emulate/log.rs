//! The firmware's log: defmt frames, decoded with the strings that stayed behind in the ELF.

use anyhow::{Context, Result, anyhow};
use defmt_decoder::{DecodeError, Table};

/// One line of the firmware's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// `INFO`, `ERROR` and so on; empty for output without a level.
    pub(crate) level: String,
    pub(crate) message: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<5} {}", self.level, self.message)
    }
}

/// Decodes all frames in `bytes`; a damaged one becomes a line that says so.
///
/// # Errors
/// When the ELF does not hold the strings.
pub(crate) fn decode(elf: &[u8], bytes: &[u8]) -> Result<Vec<Line>> {
    let table = Table::parse(elf)
        .map_err(|error| anyhow!("the firmware's log strings: {error}"))?
        .context("the firmware was built without a log")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(bytes);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => lines.push(Line {
                level: frame
                    .level()
                    .map_or_else(String::new, |level| level.as_str().to_uppercase()),
                message: frame.display_message().to_string(),
            }),
            Err(DecodeError::UnexpectedEof) => return Ok(lines),
            Err(DecodeError::Malformed) => {
                let message = "(a damaged log frame)".into();
                lines.push(Line { level: String::new(), message });
                if !table.encoding().can_recover() {
                    return Ok(lines);
                }
            }
        }
    }
}

/// The reason that the firmware gave for stopping: its last error.
pub(crate) fn reason(lines: &[Line]) -> Option<&str> {
    let errors = lines.iter().rev().filter(|line| line.level == "ERROR");
    errors.map(|line| line.message.as_str()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_the_reason() {
        let line =
            |level: &str, message: &str| Line { level: level.into(), message: message.into() };
        let lines = [
            line("ERROR", "first"),
            line("INFO", "between"),
            line("ERROR", "last"),
            line("WARN", "x"),
        ];
        assert_eq!(reason(&lines), Some("last"));
        assert_eq!(reason(&lines[1..2]), None);
        assert_eq!(lines[3].to_string(), "WARN  x");
    }

    #[test]
    fn an_elf_without_strings_is_an_error() {
        assert!(decode(b"not an elf", b"").is_err());
    }
}
