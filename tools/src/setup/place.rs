//! A folder of `.deps/` is complete or absent: it is filled under a temporary name, stamped and renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::manifest::{Check, Manifest, digest_of};
use crate::files::{self, explain, remove, temporary};
use crate::progress::say;

/// The file that says what a folder was made from (first line) and lists its files (all others).
const STAMP: &str = ".stamp";

/// An exclusive lock on a folder; the kernel releases it when the process ends, in whatever way.
pub struct Hold {
    _file: File,
}

impl Hold {
    /// Waits until no other set-up works in `dir`, then removes what interrupted ones left there.
    ///
    /// # Errors
    /// When the folder cannot be made or locked.
    pub fn on(dir: &Path) -> Result<Self> {
        files::create_dir(dir)?;
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
            // Some network file systems have no locks; a set-up that runs alone is still correct there.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(explain(error, &path)),
        }
        files::remove_temporaries(dir)?;
        Ok(Self { _file: file })
    }
}

/// One folder of `.deps/`, identified by what it is made from.
pub struct Place<'a> {
    /// The folder that contains it.
    pub parent: &'a Path,
    /// Its name there.
    pub name: &'a str,
    /// Everything that the content depends on; when this text changes, the folder is made again.
    pub origin: String,
}

impl Place<'_> {
    /// The folder's path.
    pub fn path(&self) -> PathBuf {
        self.parent.join(self.name)
    }

    /// Whether the folder was made from the same origin and passes the quick check; says which file is damaged.
    /// Call only while holding `parent`.
    pub fn is_current(&self) -> bool {
        let dir = self.path();
        let Some((origin, mut manifest)) = read(&dir) else { return false };
        if origin != self.stamped_origin() {
            return false;
        }
        let before = manifest.clone();
        if let Err(file) = manifest.verify(&dir, Check::Quick) {
            say(format!("{} is damaged; installing {} again", file.display(), dir.display()));
            return false;
        }
        if manifest != before {
            // Best effort: without it the next check reads the same files once more.
            let _ = fs::write(dir.join(STAMP), format!("{origin}\n{}", manifest.text()));
        }
        true
    }

    /// Makes the folder anew: `fill` writes into a temporary folder that then takes its place.
    ///
    /// # Errors
    /// When `fill` fails, or the disk is full; the old folder is still there then.
    pub fn install(&self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let new = temporary(self.parent, self.name)?;
        if let Err(error) = fill(&new) {
            // Best effort: the disk is probably full, and the next set-up removes the folder anyway.
            let _ = remove(&new);
            return Err(error);
        }
        let stamp = format!("{}\n{}", self.stamped_origin(), Manifest::of(&new)?.text());
        files::write(&new.join(STAMP), stamp)?;
        // After a power cut there must not be a stamp beside libraries that never reached the disk.
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

    fn stamped_origin(&self) -> String {
        format!("origin sha256:{}", digest_of(&self.origin))
    }
}

/// Reads a folder's stamp: origin and manifest.
fn read(dir: &Path) -> Option<(String, Manifest)> {
    let stamp = fs::read_to_string(dir.join(STAMP)).ok()?;
    let (origin, files) = stamp.split_once('\n')?;
    Some((origin.to_owned(), Manifest::parse(files)?))
}

/// Returns the stamped folders in `parent`, in alphabetical order, each with the first damaged file in it.
pub fn verify_all(parent: &Path, check: Check) -> Vec<(PathBuf, Option<PathBuf>)> {
    let mut dirs: Vec<PathBuf> =
        fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    dirs.sort();
    let verify = |dir: PathBuf| {
        let (_, mut manifest) = read(&dir)?;
        let damaged = manifest.verify(&dir, check).err();
        Some((dir, damaged))
    };
    dirs.into_iter().filter_map(verify).collect()
}

/// Marks every folder in `parent` in which the full check finds a damaged file, so that it is installed again when
/// it is next needed. Call only while holding `parent`.
///
/// # Errors
/// When a folder cannot be marked.
pub(super) fn discard_damaged(parent: &Path) -> Result<()> {
    for (dir, damaged) in verify_all(parent, Check::Full) {
        if let Some(file) = damaged {
            say(format!("{} is damaged; {} is installed again", file.display(), dir.display()));
            remove(&dir.join(STAMP))?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn place<'a>(parent: &'a Path, origin: &str) -> Place<'a> {
        Place { parent, name: "lib", origin: origin.into() }
    }

    #[test]
    fn a_place_is_current_only_with_its_origin_and_all_its_files() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        assert!(!place(parent, "a 1\nb 2").is_current());
        place(parent, "a 1\nb 2").install(|dir| files::write(&dir.join("file"), "12345")).unwrap();
        assert!(place(parent, "a 1\nb 2").is_current());
        assert!(!place(parent, "a 1\nb 3").is_current());
        assert!(!place(parent, "a 1").is_current());
        files::write(&parent.join("lib/file"), "12346").unwrap();
        assert!(!place(parent, "a 1\nb 2").is_current());
        // The right content again, at another time.
        files::write(&parent.join("lib/file"), "12345").unwrap();
        assert!(place(parent, "a 1\nb 2").is_current());
    }

    #[test]
    fn a_folder_with_one_flipped_byte_is_named_and_installed_again() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        let fill = |dir: &Path| files::write(&dir.join("file"), "content");
        place(parent, "1").install(fill).unwrap();
        let dir = parent.join("lib");
        assert_eq!(verify_all(parent, Check::Full), [(dir.clone(), None)]);
        files::write(&dir.join("file"), "c0ntent").unwrap();
        let damaged = [(dir.clone(), Some(dir.join("file")))];
        assert_eq!(verify_all(parent, Check::Full), damaged);
        discard_damaged(parent).unwrap();
        assert!(!place(parent, "1").is_current());
        place(parent, "1").install(fill).unwrap();
        assert!(place(parent, "1").is_current());
        assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "content");
    }

    #[test]
    fn a_failed_or_killed_fill_leaves_the_old_folder_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        place(parent, "1").install(|dir| files::write(&dir.join("file"), "old")).unwrap();
        let failed = place(parent, "2").install(|dir| {
            files::write(&dir.join("file"), "half")?;
            Err(anyhow!("cut off"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(parent.join("lib/file")).unwrap(), "old");
        assert!(!parent.join(".tmp-lib").exists());
        // What a killed set-up leaves, the next one removes before it starts.
        let leftover = temporary(parent, "lib").unwrap();
        files::write(&leftover.join("file"), "half").unwrap();
        let _hold = Hold::on(parent).unwrap();
        assert!(!leftover.exists());
        assert!(place(parent, "1").is_current());
    }

    #[test]
    fn an_installed_place_replaces_the_whole_old_one() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        place(parent, "1").install(|dir| files::write(&dir.join("gone"), "x")).unwrap();
        place(parent, "2").install(|dir| files::write(&dir.join("new"), "y")).unwrap();
        assert!(!parent.join("lib/gone").exists());
        assert!(parent.join("lib/new").exists());
        assert!(!parent.join(".tmp-lib-old").exists());
    }
}
