//! Files and folders, with errors that name the path and say what to do.

use std::ffi::CString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};

/// Names of temporary folders begin with this.
const TEMPORARY: &str = ".tmp-";

/// Size limit of an image or a task file given on the command line, in bytes.
const LARGEST: u64 = 1 << 30;

/// Turns an error of the file system into a sentence that says what to do about it.
pub fn explain(error: io::Error, path: &Path) -> Error {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull => anyhow!(
            "the disk is full while writing {path}; free about 3 GB and run `cargo xtask setup` again"
        ),
        ErrorKind::QuotaExceeded => {
            anyhow!(
                "your disk quota is used up while writing {path}; free about 3 GB and try again"
            )
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            anyhow!("no permission to write {path}; make it writable for you and try again")
        }
        _ => anyhow!("{path}: {error}"),
    }
}

/// Writes a file.
///
/// # Errors
/// When it cannot be written, with its path.
pub fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, text).map_err(|error| explain(error, path))
}

/// Makes a folder and its parents.
///
/// # Errors
/// When it cannot be made, with its path.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| explain(error, path))
}

/// Makes `path` a symbolic link to `target`.
///
/// # Errors
/// When it cannot be made, with its path.
pub fn link(target: impl AsRef<Path>, path: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, path)
        .map_err(|error| explain(error, path))
        .context("cannot make a symbolic link")
}

/// Makes a named pipe that only this user can open.
///
/// # Errors
/// When it cannot be made, with its path.
pub fn make_pipe(path: &Path) -> Result<()> {
    let c_path =
        CString::new(path.as_os_str().as_bytes()).context("a path contains a zero byte")?;
    // SAFETY: `c_path` is a string that ends in zero and outlives the call.
    match unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) } {
        0 => Ok(()),
        _ => Err(explain(io::Error::last_os_error(), path)),
    }
}

/// Removes a file, a link or a whole folder. A missing path is not an error.
///
/// # Errors
/// When it cannot be removed, with its path.
pub fn remove(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(explain(error, path)),
        _ => Ok(()),
    }
}

/// Makes an empty temporary folder in `dir`; an older one with the same name is removed.
///
/// # Errors
/// When the older one cannot be removed or the new one cannot be made.
pub fn temporary(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(format!("{TEMPORARY}{name}"));
    remove(&path)?;
    create_dir(&path)?;
    Ok(path)
}

/// Removes every folder in `dir` that [`temporary`] made.
///
/// # Errors
/// When `dir` cannot be read or a folder cannot be removed.
pub fn remove_temporaries(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|error| explain(error, dir))? {
        let entry = entry.map_err(|error| explain(error, dir))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Returns every file and link below `dir`, as paths relative to it, in alphabetical order.
///
/// # Errors
/// When a folder cannot be read.
pub fn below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(dir, dir, &mut found).map_err(|error| explain(error, dir))?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(root, &path, found)?;
        } else {
            found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// Returns the absolute path of a file given on the command line. The path must be absolute because
/// `host-trainer` and the firmware's build run in other folders than the user.
///
/// # Errors
/// When it is missing, is not a regular file (a device would never end, a pipe might never begin), or is larger
/// than 1 GiB.
pub fn existing(file: &Path) -> Result<PathBuf> {
    let path = file.canonicalize().map_err(|error| explain(error, file))?;
    let about = path.metadata().map_err(|error| explain(error, file))?;
    if !about.is_file() {
        let what = if about.is_dir() { "it is a folder" } else { "it is not a regular file" };
        bail!("{}: {what}", file.display());
    }
    if about.len() > LARGEST {
        bail!("{}: the file is {} bytes; the limit is {LARGEST}", file.display(), about.len());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_with_links_and_without_folders() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        create_dir(&root.join("b/c")).unwrap();
        write(&root.join("b/c/file"), "x").unwrap();
        link("nowhere", &root.join("a")).unwrap();
        assert_eq!(below(root).unwrap(), [Path::new("a"), Path::new("b/c/file")]);
    }

    #[test]
    fn only_regular_files_are_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let (file, pipe) = (dir.path().join("file"), dir.path().join("pipe"));
        write(&file, "x").unwrap();
        make_pipe(&pipe).unwrap();
        assert!(existing(&file).is_ok());
        let message = |path: &Path| existing(path).unwrap_err().to_string();
        assert!(message(dir.path()).ends_with("it is a folder"));
        assert!(message(&pipe).ends_with("it is not a regular file"));
        assert!(message(&dir.path().join("none")).contains("No such file"));
    }
}
