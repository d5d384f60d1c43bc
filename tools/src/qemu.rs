//! The emulated microcontroller: `qemu-system-arm -M netduinoplus2`, an STM32F405.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::files::{self, explain, make_pipe};
use crate::firmware::POLICY_ADDRESS;
use crate::firmware::log::{Decoder, Line};
use crate::process;
use crate::project::Project;
use crate::setup::emulator;

/// One instruction takes 2^7 ns of the emulated clock, on every machine and in every run.
const CLOCK: &str = "shift=7";

/// The names under which the firmware opens its two pipes, in QEMU's working folder.
const REQUEST: &str = "request.fifo";
const REPLY: &str = "reply.fifo";

/// The program that the emulator runs.
const ELF: &str = "firmware.elf";

/// QEMU's standard output and standard error, in the same folder.
const LOG: &str = "log.bin";
const COMPLAINTS: &str = "qemu.err";

/// Names of folders begin with this; the number of the process that made the folder follows.
const PREFIX: &str = "daa-emulate-";

/// Returns a command that runs an ELF file in the emulator. The program's output is QEMU's, its exit code is
/// QEMU's, and the kernel ends QEMU when this process ends.
pub fn command(project: &Project, elf: &Path) -> Command {
    let mut qemu = Command::new(emulator::path(project));
    qemu.args(["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "null"]);
    qemu.args(["-icount", CLOCK, "-semihosting-config", "enable=on,target=native"]);
    qemu.arg("-kernel").arg(elf).stdin(Stdio::null());
    process::die_with_parent(&mut qemu);
    qemu
}

/// A folder in which an emulator runs.
pub struct Bench {
    dir: PathBuf,
    temporary: bool,
}

impl Bench {
    /// Makes a temporary folder, which is removed when this value is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        remove_orphans(&std::env::temp_dir());
        let dir = std::env::temp_dir().join(format!("{PREFIX}{}-{number}", std::process::id()));
        files::remove(&dir)?;
        fs::create_dir(&dir).map_err(|error| explain(error, &dir))?;
        Ok(Self { dir, temporary: true })
    }

    /// Uses an existing folder, which stays: what the firmware wrote into its flash is there at the next start.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), temporary: false }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes the two pipes between host and firmware, unless they are there, and returns the paths of request
    /// and reply.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn pipes(&self) -> Result<(PathBuf, PathBuf)> {
        let pipe = |name: &str| {
            let path = self.dir.join(name);
            if !path.exists() {
                make_pipe(&path)?;
            }
            Ok::<_, anyhow::Error>(path)
        };
        Ok((pipe(REQUEST)?, pipe(REPLY)?))
    }

    /// Opens the four ends of the pipes and closes them again: a program that waits for the other side to open a
    /// pipe continues, and finds the pipe closed. Programs that have both pipes open notice nothing.
    pub fn hang_up(&self) {
        for (pipe, write) in [(REQUEST, false), (REQUEST, true), (REPLY, false), (REPLY, true)] {
            let mut end = File::options();
            end.read(!write).write(write).custom_flags(libc::O_NONBLOCK);
            // Opening the writing end fails where no program reads.
            let _ = end.open(self.dir.join(pipe));
        }
    }

    /// Starts the emulator with `elf` in flash, and with the bytes `flash` in the policy's sector, if given.
    ///
    /// # Errors
    /// When the files cannot be written or QEMU cannot be started.
    pub fn start(&self, project: &Project, elf: &[u8], flash: Option<&[u8]>) -> Result<Emulator> {
        files::write(&self.dir.join(ELF), elf)?;
        let mut qemu = command(project, Path::new(ELF));
        qemu.current_dir(&self.dir);
        if let Some(flash) = flash {
            files::write(&self.dir.join("flash.bin"), flash)?;
            let device = format!("loader,file=flash.bin,addr={POLICY_ADDRESS:#x},force-raw=on");
            qemu.args(["-device", &device]);
        }
        // The firmware's log goes to standard output. Files cannot fill up as pipes do.
        qemu.stdout(self.create(LOG)?).stderr(self.create(COMPLAINTS)?);
        Ok(Emulator { child: process::spawn(&mut qemu)?, dir: self.dir.clone() })
    }

    fn create(&self, name: &str) -> Result<File> {
        let path = self.dir.join(name);
        File::create(&path).map_err(|error| explain(error, &path))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.temporary {
            // Best effort: the folder is in the system's folder for temporary files.
            let _ = files::remove(&self.dir);
        }
    }
}

/// Removes folders that killed emulations left. Best effort: folders of other users stay.
fn remove_orphans(temporaries: &Path) {
    for entry in fs::read_dir(temporaries).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let alive = |id: &str| Path::new("/proc").join(id).exists();
        if rest.split_once('-').is_some_and(|(id, _)| !alive(id)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A running emulator, which is killed when this value is dropped.
pub struct Emulator {
    child: Child,
    dir: PathBuf,
}

impl Emulator {
    /// Returns the firmware's exit status, or none while it runs.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("waiting for qemu-system-arm")
    }

    /// Waits for the firmware's end and returns its exit status.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().context("waiting for qemu-system-arm")
    }

    /// Kills the emulator if it still runs, and returns the firmware's log.
    ///
    /// # Errors
    /// When the log cannot be decoded.
    pub fn log(&mut self, decoder: &Decoder) -> Result<Vec<Line>> {
        self.kill();
        log(&self.dir, decoder)
    }

    /// What QEMU itself wrote to standard error.
    pub fn complaints(&self) -> String {
        let text = fs::read(self.dir.join(COMPLAINTS)).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// Ends the emulator at once, as a power failure would. A polite signal would not reach an emulator that waits
    /// at a pipe.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The log of the firmware that ran last in a folder.
///
/// # Errors
/// When it cannot be decoded.
pub fn log(dir: &Path, decoder: &Decoder) -> Result<Vec<Line>> {
    decoder.decode(&dir.join(ELF), &dir.join(LOG))
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_ended_processes_are_removed() {
        let bench = Bench::new().unwrap();
        let parent = bench.path().to_owned();
        let mine = parent.join(format!("{PREFIX}{}-0", std::process::id()));
        // Above the largest process number that Linux gives.
        let orphan = parent.join(format!("{PREFIX}4194305-0"));
        let other = parent.join("other");
        for dir in [&mine, &orphan, &other] {
            fs::create_dir(dir).unwrap();
        }
        remove_orphans(&parent);
        assert!(mine.exists() && other.exists() && !orphan.exists());
    }

    #[test]
    fn a_program_that_waits_at_a_pipe_finds_it_closed() {
        use std::io::Read as _;
        let bench = Bench::new().unwrap();
        let (request, reply) = bench.pipes().unwrap();
        // In the order of the firmware: first requests, then replies.
        let firmware = std::thread::spawn(move || {
            let mut requests = File::open(request).unwrap();
            let _replies = File::options().write(true).open(reply).unwrap();
            requests.read(&mut [0; 8]).unwrap()
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!firmware.is_finished(), "it waits until the other side opens");
        while !firmware.is_finished() {
            bench.hang_up();
            std::thread::yield_now();
        }
        assert_eq!(firmware.join().unwrap(), 0, "the end of the link");
    }

    #[test]
    fn a_temporary_folder_is_removed_with_its_bench() {
        let bench = Bench::new().unwrap();
        let (request, reply) = bench.pipes().unwrap();
        assert!(request.exists() && reply.exists());
        let dir = bench.path().to_owned();
        drop(bench);
        assert!(!dir.exists());
    }
}
