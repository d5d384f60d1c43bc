//! The emulated microcontroller: `qemu-system-arm -M netduinoplus2`, an STM32F405.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::firmware::POLICY_ADDRESS;
use super::log::{Decoder, Line};
use crate::run;
use crate::setup::place::{self, explain};

/// One instruction takes 2^7 ns of the emulated clock, on every machine and in every run.
const CLOCK: &str = "shift=7";

/// The names under which the firmware opens its two pipes, in QEMU's own folder.
const REQUEST: &str = "request.fifo";
const REPLY: &str = "reply.fifo";

/// What the emulator runs.
const ELF: &str = "firmware.elf";

/// QEMU's standard output and standard error, in the same folder.
const LOG: &str = "log.bin";
const COMPLAINTS: &str = "qemu.err";

/// Start of the name of a folder; the number of the process that made it follows.
const PREFIX: &str = "daa-emulate-";

/// A folder for one emulation; it goes when this value does.
pub(crate) struct Bench {
    dir: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        remove_orphans(&std::env::temp_dir());
        let dir = std::env::temp_dir().join(format!("{PREFIX}{}-{number}", std::process::id()));
        place::remove(&dir)?;
        fs::create_dir(&dir).map_err(|error| explain(error, &dir))?;
        Ok(Self { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes the two pipes between host and firmware and returns their paths: request, reply.
    pub(crate) fn pipes(&self) -> Result<(PathBuf, PathBuf)> {
        let pipe = |name: &str| {
            let path = self.dir.join(name);
            let c_path = CString::new(path.as_os_str().as_bytes()).context("a zero in a path")?;
            // SAFETY: `c_path` is a string that ends in zero and outlives the call.
            if unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) } != 0 {
                return Err(explain(io::Error::last_os_error(), &path));
            }
            Ok(path)
        };
        Ok((pipe(REQUEST)?, pipe(REPLY)?))
    }

    /// Opens the pipes' four ends and closes them again: whoever waits until a pipe is open goes on and
    /// finds it closed. Nobody else is disturbed.
    pub(crate) fn hang_up(&self) {
        for (pipe, write) in [(REQUEST, false), (REQUEST, true), (REPLY, false), (REPLY, true)] {
            let mut end = File::options();
            end.read(!write).write(write).custom_flags(libc::O_NONBLOCK);
            // A writing end cannot be opened where nobody reads.
            let _ = end.open(self.dir.join(pipe));
        }
    }

    /// Starts the emulator with `elf` in flash; `flash`, when given, lies in the policy's sector.
    pub(crate) fn start(&self, elf: &[u8], flash: Option<&[u8]>) -> Result<Emulator> {
        let file = |name: &str, content: &[u8]| {
            let path = self.dir.join(name);
            fs::write(&path, content).map_err(|error| explain(error, &path))
        };
        file(ELF, elf)?;
        let mut qemu = Command::new("qemu-system-arm");
        qemu.current_dir(&self.dir).args(["-M", "netduinoplus2", "-display", "none"]);
        qemu.args(["-monitor", "none", "-serial", "null", "-icount", CLOCK]);
        qemu.args(["-semihosting-config", "enable=on,target=native"]);
        qemu.args(["-kernel", ELF]);
        if let Some(flash) = flash {
            file("flash.bin", flash)?;
            let device = format!("loader,file=flash.bin,addr={POLICY_ADDRESS:#x},force-raw=on");
            qemu.args(["-device", &device]);
        }
        // Semihosting writes the firmware's log to standard output. Files cannot fill up as pipes do.
        qemu.stdin(Stdio::null()).stdout(self.create(LOG)?).stderr(self.create(COMPLAINTS)?);
        run::die_with_parent(&mut qemu);
        let child = qemu.spawn().map_err(|error| run::not_started(&qemu, &error))?;
        Ok(Emulator { child, dir: self.dir.clone() })
    }

    fn create(&self, name: &str) -> Result<File> {
        let path = self.dir.join(name);
        File::create(&path).map_err(|error| explain(error, &path))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Best effort: it lies in the system's folder for temporaries.
        let _ = place::remove(&self.dir);
    }
}

/// Removes what killed emulations left behind. Best effort: others' folders stay.
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

/// A running emulator; it ends when this value does.
pub(crate) struct Emulator {
    child: Child,
    dir: PathBuf,
}

impl Emulator {
    /// How the firmware ended, or none while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("waiting for qemu-system-arm")
    }

    /// Ends the emulator if it still runs, and returns the firmware's log.
    pub(crate) fn log(&mut self, decoder: &Decoder) -> Result<Vec<Line>> {
        self.stop();
        decoder.decode(&self.dir.join(ELF), &self.dir.join(LOG))
    }

    /// What QEMU itself complained about.
    pub(crate) fn complaints(&self) -> String {
        let text = fs::read(self.dir.join(COMPLAINTS)).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    fn stop(&mut self) {
        // Killed, not asked: an emulator that waits at a pipe does not hear a polite signal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_processes_that_are_gone_are_removed() {
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
    fn who_waits_at_a_pipe_is_hung_up_on() {
        use std::io::Read as _;
        let bench = Bench::new().unwrap();
        let (request, reply) = bench.pipes().unwrap();
        // As the firmware does: requests first, then replies.
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
    fn a_bench_takes_its_folder_with_it() {
        let bench = Bench::new().unwrap();
        let (request, reply) = bench.pipes().unwrap();
        assert!(request.exists() && reply.exists());
        let dir = bench.path().to_owned();
        drop(bench);
        assert!(!dir.exists());
    }
}
