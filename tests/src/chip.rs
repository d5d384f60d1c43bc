//! The emulated microcontroller and its two pipes.

use daa_core::link::{FrameReader, Policies, Reply, Request, Transfer, encode, frame_capacity};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const CAPACITY: usize = frame_capacity(5);

/// The emulated microcontroller with a program, in the folder where semihosting puts the chip's files. An
/// instruction takes 128 ns.
#[must_use]
pub fn emulator(folder: &Path, elf: &Path) -> Command {
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "null"]);
    qemu.args(["-icount", "shift=7", "-semihosting-config", "enable=on,target=native"]);
    qemu.arg("-kernel").arg(elf).current_dir(folder);
    qemu
}

/// A running firmware with five observations and one action; it ends when this value does.
pub struct Chip {
    qemu: Child,
    request: File,
    reply: File,
    reader: FrameReader<CAPACITY>,
    sequence: u32,
}

impl Chip {
    /// Boots a firmware in a folder. In the same folder again its flash is as it was.
    ///
    /// # Panics
    /// When QEMU does not start.
    #[must_use]
    pub fn boot(folder: &Path, elf: &[u8]) -> Self {
        std::fs::write(folder.join("firmware.elf"), elf).expect("a file");
        for pipe in ["request.fifo", "reply.fifo"] {
            let path = folder.join(pipe);
            if !path.exists() {
                let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
                assert!(made.success());
            }
        }
        let qemu = emulator(folder, Path::new("firmware.elf"))
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("log")).expect("a log"))
            .stderr(Stdio::null())
            .spawn()
            .expect("QEMU starts");
        let request =
            File::options().write(true).open(folder.join("request.fifo")).expect("a pipe");
        let reply = File::open(folder.join("reply.fifo")).expect("a pipe");
        Self { qemu, request, reply, reader: FrameReader::new(), sequence: 0 }
    }

    /// Sends a request that has no reply.
    ///
    /// # Panics
    /// When the chip has ended.
    pub fn send(&mut self, request: &Request<5>) {
        let mut buffer = [0; CAPACITY];
        let frame = encode(request, &mut buffer).expect("it fits");
        self.request.write_all(frame).expect("the chip lives");
    }

    /// The reply, or none when the chip has ended.
    ///
    /// # Panics
    /// When the reply is damaged.
    pub fn ask(&mut self, request: &Request<5>) -> Option<Reply<1>> {
        self.send(request);
        let mut byte = [0];
        loop {
            if self.reply.read(&mut byte).expect("the pipe is open") == 0 {
                return None;
            }
            if let Some(reply) = self.reader.push(byte[0]) {
                return Some(reply.expect("a sound reply"));
            }
        }
    }

    /// Readings at a time of the plant.
    ///
    /// # Panics
    /// As [`ask`](Self::ask).
    pub fn sample(&mut self, time_us: u32, signals: [Option<f32>; 5]) -> Option<Reply<1>> {
        self.sequence += 1;
        let signals = signals.into_iter().collect();
        self.ask(&Request::Sample { sequence: self.sequence, time_us, signals })
    }

    /// Who acts, and how far a new policy has come.
    ///
    /// # Panics
    /// When the chip does not say.
    pub fn policies(&mut self) -> Policies {
        match self.ask(&Request::Policies) {
            Some(Reply::Policies(policies)) => policies,
            other => panic!("{other:?}"),
        }
    }

    /// A part of a new image.
    ///
    /// # Errors
    /// The chip's.
    ///
    /// # Panics
    /// When it answers something else.
    pub fn transfer(&mut self, transfer: Transfer) -> Result<u32, daa_core::slots::UpdateError> {
        match self.ask(&Request::Transfer(transfer)) {
            Some(Reply::Transfer(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    /// Closes the request pipe without a goodbye and waits for the exit code.
    ///
    /// # Panics
    /// When QEMU cannot be waited for.
    #[must_use]
    pub fn hang_up(mut self) -> Option<i32> {
        self.request = File::open("/dev/null").expect("a file");
        self.exit_code()
    }

    /// Waits for its end and gives the exit code.
    ///
    /// # Panics
    /// When QEMU cannot be waited for.
    #[must_use]
    pub fn exit_code(mut self) -> Option<i32> {
        self.qemu.wait().expect("QEMU ends").code()
    }
}

/// The messages of the program that ran last in a folder, decoded with the strings in its ELF.
///
/// # Panics
/// When the decoder cannot be built or cannot read them.
#[must_use]
pub fn log(folder: &Path) -> Vec<String> {
    let decoder = crate::root().join("tools/firmware-log");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "--target-dir"]);
    cargo.arg(crate::root().join("target/firmware-log")).arg("--");
    cargo.arg(folder.join("firmware.elf")).arg(folder.join("log")).current_dir(decoder);
    let lines = crate::succeed(&mut cargo);
    let message = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        line["message"].as_str().expect("a message").to_owned()
    };
    lines.lines().map(message).collect()
}

impl Drop for Chip {
    fn drop(&mut self) {
        // Without a word, as power fails.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
