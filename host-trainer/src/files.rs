//! Reading what a user names: a regular file of a bearable size, or an error. A device has no end, a pipe
//! nobody writes to never comes, and a sparse file may claim more than any memory holds.

use std::fs::{File, metadata};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Bytes of configurations, plans and other things that people write.
pub(crate) const WRITTEN: u64 = 16 << 20;
/// Bytes of what a run writes as text: metrics, recordings.
pub(crate) const RECORDED: u64 = 1 << 30;

fn open(path: &Path, largest: u64) -> Result<impl Read> {
    let about = metadata(path)?;
    if about.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    if !about.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    if about.len() > largest {
        return Err(too_large(about.len(), largest));
    }
    // It may grow while it is read.
    Ok(File::open(path)?.take(largest + 1))
}

fn too_large(len: u64, largest: u64) -> Error {
    let text = format!("it has {len} bytes, and {largest} would be many");
    Error::new(ErrorKind::FileTooLarge, text)
}

/// The bytes of a regular file of at most `largest` bytes.
pub(crate) fn read(path: &Path, largest: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let _ = open(path, largest)?.read_to_end(&mut bytes)?;
    bounded(bytes.len(), largest)?;
    Ok(bytes)
}

/// The text of a regular file of at most `largest` bytes.
pub(crate) fn read_text(path: &Path, largest: u64) -> Result<String> {
    let mut text = String::new();
    let _ = open(path, largest)?.read_to_string(&mut text)?;
    bounded(text.len(), largest)?;
    Ok(text)
}

/// What standard input has, at most `largest` bytes of text.
pub(crate) fn read_standard_input(largest: u64) -> Result<String> {
    let mut text = String::new();
    let _ = std::io::stdin().take(largest + 1).read_to_string(&mut text)?;
    bounded(text.len(), largest)?;
    Ok(text)
}

fn bounded(len: usize, largest: u64) -> Result<()> {
    if len as u64 > largest { Err(too_large(len as u64, largest)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bearable_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "four").unwrap();
        assert_eq!(read_text(&file, 4).unwrap(), "four");
        assert_eq!(read(&file, 4).unwrap(), b"four");
        assert!(read(&file, 3).unwrap_err().to_string().contains("4 bytes"));
        assert!(
            read(Path::new("/dev/zero"), 4).unwrap_err().to_string().contains("no regular file")
        );
        assert!(read(folder.path(), 4).unwrap_err().to_string().contains("a folder"));
        // Longer than it claims to be, as the files of /proc are: they say 0.
        assert!(
            read_text(Path::new("/proc/self/maps"), 4).unwrap_err().to_string().contains("5 bytes")
        );
        let sparse = folder.path().join("sparse");
        File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&sparse, RECORDED).unwrap_err().to_string().contains("1099511627776 bytes"));
    }
}
