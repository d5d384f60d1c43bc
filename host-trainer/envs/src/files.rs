//! Files that users name: only regular files of limited size are read, and files are replaced atomically.
//! Reading a device may never end, reading a pipe without a writer blocks, and a sparse file may be larger
//! than the memory.

use anyhow::{Context, bail};
use std::fs::{File, metadata};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::Path;

/// Limit in bytes for files that people write, such as configurations and plans.
pub const WRITTEN: u64 = 16 << 20;
/// Limit in bytes for text that a run writes: metrics, recordings.
pub const RECORDED: u64 = 1 << 30;

fn open(path: &Path, largest: u64) -> Result<impl Read> {
    let about = metadata(path)?;
    if about.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !about.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if about.len() > largest {
        return Err(too_large(about.len(), largest));
    }
    // The file may grow while it is read: one byte more than allowed shows it.
    Ok(File::open(path)?.take(largest + 1))
}

fn too_large(len: u64, largest: u64) -> Error {
    let text = format!("the file is larger than the limit: {len} bytes, at most {largest}");
    Error::new(ErrorKind::FileTooLarge, text)
}

/// Reads a regular file of at most `largest` bytes.
pub fn read(path: &Path, largest: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let _ = open(path, largest)?.read_to_end(&mut bytes)?;
    bounded(bytes.len(), largest)?;
    Ok(bytes)
}

/// Reads a regular file of at most `largest` bytes as UTF-8 text.
pub fn read_text(path: &Path, largest: u64) -> Result<String> {
    let mut text = String::new();
    let _ = open(path, largest)?.read_to_string(&mut text)?;
    bounded(text.len(), largest)?;
    Ok(text)
}

/// Reads standard input to its end, at most `largest` bytes of UTF-8 text.
pub fn read_standard_input(largest: u64) -> Result<String> {
    let mut text = String::new();
    let _ = std::io::stdin().take(largest + 1).read_to_string(&mut text)?;
    bounded(text.len(), largest)?;
    Ok(text)
}

fn bounded(len: usize, largest: u64) -> Result<()> {
    if len as u64 > largest { Err(too_large(len as u64, largest)) } else { Ok(()) }
}

/// Replaces a file atomically: the new one is written beside it, synced and renamed. After a full disk or
/// a killed process the old file is still there.
///
/// # Errors
/// What failed, with the file's name.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // Renaming onto a device, a pipe or a link would replace it by a file.
    let resolved = std::fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    if path.exists() && !path.is_file() {
        bail!("cannot write {}: it is not a regular file", path.display());
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path
        .file_name()
        .with_context(|| format!("{} is not the name of a file", path.display()))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = folder.join(beside);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    });
    if let Err(error) = written {
        // The file beside the target is a temporary one: removing it loses nothing.
        let _ = std::fs::remove_file(&beside);
        return Err(error).with_context(|| format!("cannot write {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_limited_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "four").unwrap();
        assert_eq!(read_text(&file, 4).unwrap(), "four");
        assert_eq!(read(&file, 4).unwrap(), b"four");
        assert!(read(&file, 3).unwrap_err().to_string().contains("4 bytes"));
        assert!(
            read(Path::new("/dev/zero"), 4).unwrap_err().to_string().contains("not a regular file")
        );
        assert!(read(folder.path(), 4).unwrap_err().to_string().contains("a folder"));
        // Longer than its metadata say, as the files of /proc are: they report 0 bytes.
        assert!(
            read_text(Path::new("/proc/self/maps"), 4).unwrap_err().to_string().contains("5 bytes")
        );
        let sparse = folder.path().join("sparse");
        File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&sparse, RECORDED).unwrap_err().to_string().contains("1099511627776 bytes"));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let blocked = folder.path().join("folder");
        std::fs::create_dir_all(blocked.join("inside")).unwrap();
        assert!(write_atomically(&blocked, b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
