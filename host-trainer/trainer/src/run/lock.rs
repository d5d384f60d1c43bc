//! One process a run directory.
//!
//! The lock is the kernel's (`flock`), so it is gone as soon as its owner is, however that one died.
//! What the file says is for people, and for other machines on a shared disk that knows no locks: the
//! owner writes the time into it every few seconds.

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Seconds without one after which another machine's lock is nobody's.
const STALE: u64 = 60;

/// Who holds a run directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// Seconds since 1970 at which it was last alive.
    pub heartbeat: u64,
}

/// A run directory that is ours until this is dropped.
#[derive(Debug)]
pub struct Lock {
    place: PathBuf,
    /// Holds the kernel's lock as long as it is open.
    _file: File,
    stop: Option<Sender<()>>,
    heart: Option<JoinHandle<()>>,
    /// Whose lock was taken over.
    pub previous: Option<Owner>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Writes the owner over the last one; a line of fixed width, so that it is whole at any time.
fn sign(file: &File, owner: &Owner) -> std::io::Result<()> {
    let text = serde_json::to_string(owner).unwrap_or_default();
    file.write_all_at(format!("{text:<160}\n").as_bytes(), 0)
}

/// Whom a lock file names.
fn owner(file: &File) -> Option<Owner> {
    let mut bytes = [0; 512];
    let len = file.read_at(&mut bytes, 0).ok()?;
    serde_json::from_slice(&bytes[..len]).ok()
}

impl Lock {
    /// Takes a directory's lock, `place`, as soon as it is free, which may last as long as `wait`.
    ///
    /// # Errors
    /// When another process still has it then, which is named, or the file cannot be written.
    pub fn take(place: &Path, wait: Duration) -> Result<Self> {
        let me = Owner { pid: std::process::id(), host: host(), heartbeat: now() };
        let begun = Instant::now();
        let file = loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(place)
                .with_context(|| format!("cannot make the lock {}", place.display()))?;
            let free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
            let other = owner(&file).filter(|owner| {
                !free || owner.host != me.host && now().saturating_sub(owner.heartbeat) < STALE
            });
            if free && other.is_none() {
                // Its last owner may have deleted it between our opening and our locking it.
                let on_disk = place.metadata().ok().map(|data| (data.dev(), data.ino()));
                if on_disk == file.metadata().ok().map(|data| (data.dev(), data.ino())) {
                    break file;
                }
                continue;
            }
            if begun.elapsed() >= wait {
                let who = other.map_or_else(
                    || "another process".to_owned(),
                    |Owner { pid, host, .. }| format!("process {pid} on {host}"),
                );
                bail!(
                    "{who} writes into {}: wait for it, stop it, or choose another --run-dir",
                    place.parent().unwrap_or(place).display()
                );
            }
            drop(file);
            std::thread::sleep(Duration::from_millis(200).min(wait));
        };
        let previous = owner(&file);
        sign(&file, &me).with_context(|| format!("cannot write {}", place.display()))?;
        let pulse = file.try_clone().with_context(|| format!("cannot use {}", place.display()))?;
        let (stop, stopped) = channel();
        let heart = std::thread::spawn(move || {
            let mut me = me;
            while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                me.heartbeat = now();
                // A disk that is full or gone is reported where the run itself writes.
                let _ = sign(&pulse, &me);
            }
        });
        Ok(Self {
            place: place.to_owned(),
            _file: file,
            stop: Some(stop),
            heart: Some(heart),
            previous,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(heart) = self.heart.take() {
            // It does not panic; if it did, the lock is given back all the same.
            let _ = heart.join();
        }
        // Deleted before it is unlocked, so that nobody locks a file that is about to go.
        let _ = std::fs::remove_file(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_owner_who_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("lock");
        let lock = Lock::take(&place, Duration::ZERO).unwrap();
        assert_eq!(lock.previous, None);
        let error = Lock::take(&place, Duration::ZERO).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {} on {}", std::process::id(), host())),
            "{error}"
        );
        assert!(error.contains("another --run-dir"), "{error}");
        // Somebody who waits gets it when it is free.
        let waiting = {
            let place = place.clone();
            std::thread::spawn(move || Lock::take(&place, Duration::from_secs(600)).map(drop))
        };
        std::thread::sleep(Duration::from_millis(50));
        drop(lock);
        waiting.join().unwrap().unwrap();
        assert!(!place.exists());
        drop(Lock::take(&place, Duration::ZERO).unwrap());
    }

    #[test]
    fn what_a_dead_process_or_a_silent_machine_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("lock");
        let write = |owner: &Owner| {
            let file = File::create(&place).unwrap();
            sign(&file, owner).unwrap();
        };
        // On this machine the kernel knows that nobody holds it, whatever the file says.
        let dead = Owner { pid: 4_000_000, host: host(), heartbeat: now() };
        write(&dead);
        let lock = Lock::take(&place, Duration::ZERO).unwrap();
        assert_eq!(lock.previous, Some(dead));
        drop(lock);
        // Of another machine only its signs of life are known.
        let far = Owner { pid: 7, host: "far-away".to_owned(), heartbeat: now() };
        write(&far);
        let error = Lock::take(&place, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("process 7 on far-away"), "{error}");
        write(&Owner { heartbeat: now() - STALE - 1, ..far });
        assert!(Lock::take(&place, Duration::ZERO).is_ok());
        // A file that says nothing is nobody's.
        std::fs::write(&place, "garbage").unwrap();
        assert!(Lock::take(&place, Duration::ZERO).is_ok());
    }
}
