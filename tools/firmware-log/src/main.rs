//! `firmware-log ELF LOG`: decodes the firmware's log with the strings that remain in the ELF file.
//!
//! Prints one JSON object for each line of the log: `{"level": "INFO", "message": "…"}`. The level is empty for output
//! without a level and for a damaged frame.

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

/// Returns level and message of each frame; a damaged frame becomes a line of its own.
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
    fn bytes_that_are_not_an_elf_file_are_refused() {
        assert!(decode(b"not an elf", b"").is_err());
    }
}
