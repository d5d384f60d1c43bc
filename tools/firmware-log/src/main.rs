//! `firmware-log ELF LOG`: decodes the firmware's log with the strings that stayed behind in its ELF.
//!
//! Prints one JSON object a line, `{"level": "INFO", "message": "…"}`; the level is empty for output
//! without one and for a damaged frame.

use std::env;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use defmt_decoder::{DecodeError, Table};
use serde_json::json;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let mut file = || -> Result<Vec<u8>> {
        let path = arguments.next().context("usage: firmware-log ELF LOG")?;
        fs::read(&path).with_context(|| path.display().to_string())
    };
    let elf = file()?;
    let log = file()?;
    for (level, message) in decode(&elf, &log)? {
        println!("{}", json!({ "level": level, "message": message }));
    }
    Ok(())
}

/// Returns level and message of each frame; a damaged frame becomes a line that says so.
fn decode(elf: &[u8], log: &[u8]) -> Result<Vec<(String, String)>> {
    let table = Table::parse(elf)
        .map_err(|error| anyhow!("the log's strings: {error}"))?
        .context("the firmware was built without a log")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(log);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("", |level| level.as_str());
                lines.push((level.to_uppercase(), frame.display_message().to_string()));
            }
            Err(DecodeError::UnexpectedEof) => return Ok(lines),
            Err(DecodeError::Malformed) => {
                lines.push((String::new(), "(a damaged log frame)".to_owned()));
                if !table.encoding().can_recover() {
                    return Ok(lines);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_is_an_error() {
        assert!(decode(b"not an elf", b"").is_err());
    }
}
