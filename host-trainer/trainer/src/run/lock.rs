//! The lock that lets only one process write into a run directory.
//!
//! The kernel holds the lock and releases it when the owning process ends for any reason. The text in the lock file
//! names the owner in messages. It also serves other machines on a shared file system without locks: the owner writes
//! the current time into the file every few seconds.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Seconds without a sign of life after which another machine's lock counts as abandoned.
const STALE: u64 = 60;

/// The process that holds the lock of a run directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Identifier of the process.
    pub pid: u32,
    /// Host name of the process's machine.
    pub host: String,
    /// Time of the last heartbeat, in seconds since 1970.
    pub heartbeat: u64,
}

/// The lock of a run directory, held until the value is dropped.
#[derive(Debug)]
pub struct Lock {
    place: PathBuf,
    /// Holds the kernel's lock as long as the file is open.
    _file: File,
    stop: Option<Sender<()>>,
    heart: Option<JoinHandle<()>>,
    /// The owner of an abandoned lock that was taken over.
    pub previous: Option<Owner>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Writes the owner over the previous owner, as a line of fixed width in one write, so that a reader never sees
/// a mixture of two lines.
fn sign(file: &File, owner: &Owner) -> std::io::Result<()> {
    let text = serde_json::to_string(owner).unwrap_or_default();
    file.write_all_at(format!("{text:<160}\n").as_bytes(), 0)
}

/// The owner that a lock file names; `None` if the file does not name one.
fn owner(file: &File) -> Option<Owner> {
    let mut bytes = [0; 512];
    let len = file.read_at(&mut bytes, 0).ok()?;
    serde_json::from_slice(&bytes[..len]).ok()
}

impl Lock {
    /// Takes the lock file `place` of a run directory, waiting for at most `wait` until it is free.
    ///
    /// # Errors
    /// When another process still holds the lock after `wait` (the message names the process), or the file
    /// cannot be written.
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
            let free = file.try_lock().is_ok();
            let other = owner(&file).filter(|owner| {
                !free || owner.host != me.host && now().saturating_sub(owner.heartbeat) < STALE
            });
            if free && other.is_none() {
                // The last owner may have deleted the file after it was opened here and before it was locked.
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
                // A full or missing disk is reported where the run itself writes.
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
            // A panic of that thread does not keep the lock from being released.
            let _ = heart.join();
        }
        // The file is deleted before it is unlocked, so that no process locks a file that is about to be deleted.
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
        // A waiting process gets the lock when it is free.
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
        // On this machine the kernel knows that the lock is free, whatever the file says.
        let dead = Owner { pid: 4_000_000, host: host(), heartbeat: now() };
        write(&dead);
        let lock = Lock::take(&place, Duration::ZERO).unwrap();
        assert_eq!(lock.previous, Some(dead));
        drop(lock);
        // A process on another machine is known only by its heartbeats.
        let far = Owner { pid: 7, host: "far-away".to_owned(), heartbeat: now() };
        write(&far);
        let error = Lock::take(&place, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("process 7 on far-away"), "{error}");
        write(&Owner { heartbeat: now() - STALE - 1, ..far });
        assert!(Lock::take(&place, Duration::ZERO).is_ok());
        // A file that does not name an owner is free.
        std::fs::write(&place, "garbage").unwrap();
        assert!(Lock::take(&place, Duration::ZERO).is_ok());
    }
}
