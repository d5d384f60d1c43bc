//! A folder of `.deps/` is whole or absent: it is filled under a temporary name, stamped, renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};

use crate::report::say;

/// Temporaries start so; whatever still carries the name when the lock is held is a leftover.
const TEMPORARY: &str = ".tmp-";

/// The file that says what a folder was made from and which files, of which length, it must hold.
const STAMP: &str = ".stamp";

/// An exclusive hold on a folder; the kernel lets go of it when the process ends, however it ends.
pub(crate) struct Hold {
    _file: File,
}

impl Hold {
    /// Waits until no other set-up works in `dir`, then removes what interrupted ones left there.
    pub(crate) fn on(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|error| explain(error, dir))?;
        let path = dir.join(".lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| explain(error, &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say(format!("another set-up is at work in {}; waiting for it", dir.display()));
                file.lock().map_err(|error| explain(error, &path))?;
            }
            // Some network file systems have no locks; a set-up alone there is still right.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(explain(error, &path)),
        }
        remove_temporaries(dir)?;
        Ok(Self { _file: file })
    }
}

/// Returns an empty folder of its own in `dir`. Call only while holding `dir`.
pub(crate) fn temporary(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(format!("{TEMPORARY}{name}"));
    remove(&path)?;
    fs::create_dir_all(&path).map_err(|error| explain(error, &path))?;
    Ok(path)
}

fn remove_temporaries(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|error| explain(error, dir))? {
        let entry = entry.map_err(|error| explain(error, dir))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file, a link or a whole folder; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
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

/// One folder of `.deps/`, known by what it is made from.
pub(crate) struct Place<'a> {
    pub(crate) parent: &'a Path,
    pub(crate) name: &'a str,
    /// What the content depends on; another text here means that it is made again.
    pub(crate) origin: String,
}

impl Place<'_> {
    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(self.name)
    }

    /// Whether the folder was made from the same origin and its files are there in full length.
    pub(crate) fn is_current(&self) -> bool {
        let path = self.path();
        let Ok(stamp) = fs::read_to_string(path.join(STAMP)) else { return false };
        let Some(files) = stamp.strip_prefix(&format!("{}\n\n", self.origin)) else { return false };
        files.lines().all(|line| {
            line.split_once(' ').is_some_and(|(length, name)| {
                fs::metadata(path.join(name)).is_ok_and(|meta| meta.len().to_string() == length)
            })
        })
    }

    /// Makes the folder anew: `fill` writes into a temporary one that then takes its place.
    pub(crate) fn install(&self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let new = temporary(self.parent, self.name)?;
        if let Err(error) = fill(&new) {
            // Best effort: a full disk is the likeliest cause, and the next set-up clears it anyway.
            let _ = remove(&new);
            return Err(error);
        }
        let mut stamp = format!("{}\n\n", self.origin);
        list(&new, &new, &mut stamp).map_err(|error| explain(error, &new))?;
        fs::write(new.join(STAMP), stamp).map_err(|error| explain(error, &new))?;
        // A power cut must not leave a stamp beside libraries that never reached the disk.
        File::open(&new).and_then(|dir| sync(&dir)).map_err(|error| explain(error, &new))?;
        let path = self.path();
        if fs::symlink_metadata(&path).is_ok() {
            let old = temporary(self.parent, &format!("{}-old", self.name))?;
            fs::rename(&path, old.join("old")).map_err(|error| explain(error, &path))?;
            fs::rename(&new, &path).map_err(|error| explain(error, &path))?;
            remove(&old)
        } else {
            fs::rename(&new, &path).map_err(|error| explain(error, &path))
        }
    }
}

/// Writes everything on the file system of `dir` to the disk.
fn sync(dir: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open for as long as `dir` lives; the call touches no memory.
    match unsafe { libc::syncfs(dir.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Appends `length name` for each file under `dir`. Headers are many and never damaged alone.
fn list(root: &Path, dir: &Path, lines: &mut String) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "include" {
                list(root, &path, lines)?;
            }
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path);
            *lines += &format!("{} {}\n", fs::metadata(&path)?.len(), name.display());
        }
    }
    Ok(())
}

/// Returns a sentence that says what to do about an error of the file system.
pub(crate) fn explain(error: io::Error, path: &Path) -> Error {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull => anyhow!(
            "the disk is full while writing {path}; free about 2 GB and run `cargo xtask setup` again"
        ),
        ErrorKind::QuotaExceeded => {
            anyhow!(
                "your disk quota is used up while writing {path}; free about 2 GB and try again"
            )
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            anyhow!("no permission to write {path}; make it writable for you and try again")
        }
        _ => anyhow!("{path}: {error}"),
    }
}

/// Writes `text` to a file, with the file's name in the error.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, text).map_err(|error| explain(error, path))
}

/// Makes `path` a symbolic link to `target`, with the link's name in the error.
pub(crate) fn link(target: impl AsRef<Path>, path: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, path)
        .map_err(|error| explain(error, path))
        .context("cannot make a symbolic link")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-place-{}-{name}", std::process::id()));
        remove(&dir).unwrap();
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_place_is_current_only_with_its_origin_and_all_its_files() {
        let parent = scratch("current");
        let place = Place { parent: &parent, name: "lib", origin: "a 1\nb 2".into() };
        assert!(!place.is_current());
        place.install(|dir| write(&dir.join("file"), "12345")).unwrap();
        assert!(place.is_current());
        let other = Place { parent: &parent, name: "lib", origin: "a 1\nb 3".into() };
        assert!(!other.is_current());
        let prefix = Place { parent: &parent, name: "lib", origin: "a 1".into() };
        assert!(!prefix.is_current());
        write(&place.path().join("file"), "1234").unwrap();
        assert!(!place.is_current());
        remove(&parent).unwrap();
    }

    #[test]
    fn a_failed_or_killed_fill_leaves_the_old_folder_and_no_leftover() {
        let parent = scratch("failed");
        let place = Place { parent: &parent, name: "lib", origin: "1".into() };
        place.install(|dir| write(&dir.join("file"), "old")).unwrap();
        let failed = Place { parent: &parent, name: "lib", origin: "2".into() }.install(|dir| {
            write(&dir.join("file"), "half")?;
            Err(anyhow!("cut off"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(parent.join("lib/file")).unwrap(), "old");
        assert!(!parent.join(".tmp-lib").exists());
        // What a killed set-up leaves, the next one removes before it starts.
        let leftover = temporary(&parent, "lib").unwrap();
        write(&leftover.join("file"), "half").unwrap();
        let hold = Hold::on(&parent).unwrap();
        assert!(!leftover.exists());
        assert!(place.is_current());
        drop(hold);
        remove(&parent).unwrap();
    }

    #[test]
    fn an_installed_place_replaces_the_old_one_whole() {
        let parent = scratch("replace");
        Place { parent: &parent, name: "lib", origin: "1".into() }
            .install(|dir| write(&dir.join("gone"), "x"))
            .unwrap();
        Place { parent: &parent, name: "lib", origin: "2".into() }
            .install(|dir| write(&dir.join("new"), "y"))
            .unwrap();
        assert!(!parent.join("lib/gone").exists());
        assert!(parent.join("lib/new").exists());
        assert!(!parent.join(".tmp-lib-old").exists());
        remove(&parent).unwrap();
    }
}
