//! The emulated microcontroller, which tests control through two pipes.

use daa_core::protocol::{FrameReader, Policies, Reply, Request, Transfer, encode, frame_capacity};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use tools::firmware::log::Decoder;
use tools::qemu::{self, Bench, Emulator};

const CAPACITY: usize = frame_capacity(5);

/// The command that runs a program on the emulated microcontroller. Files that the chip writes through semihosting
/// go to the folder.
#[must_use]
pub fn emulator(folder: &Path, elf: &Path) -> Command {
    let mut qemu = qemu::command(&crate::project(), elf);
    qemu.current_dir(folder);
    qemu
}

/// A running firmware with five observations and one action. It is killed when this value is dropped: the firmware
/// ends without notice, as in a power failure.
pub struct Chip {
    qemu: Emulator,
    request: File,
    reply: File,
    reader: FrameReader<CAPACITY>,
    sequence: u32,
}

impl Chip {
    /// Boots a firmware in a folder, which keeps the contents of the chip's flash for the next boot.
    ///
    /// # Panics
    /// When QEMU does not start.
    #[must_use]
    pub fn boot(folder: &Path, elf: &[u8]) -> Self {
        let bench = Bench::at(folder);
        let (request, reply) = bench.pipes().expect("pipes");
        let qemu = bench.start(&crate::project(), elf, None).expect("QEMU starts");
        let request = File::options().write(true).open(request).expect("a pipe");
        let reply = File::open(reply).expect("a pipe");
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

    /// Sends a request and returns the reply, or none when the chip has ended.
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

    /// Sends an observation, taken at a time of the plant, and returns the reply.
    ///
    /// # Panics
    /// As [`ask`](Self::ask).
    pub fn sample(&mut self, time_us: u32, signals: [Option<f32>; 5]) -> Option<Reply<1>> {
        self.sequence += 1;
        let signals = signals.into_iter().collect();
        self.ask(&Request::Sample { sequence: self.sequence, time_us, signals })
    }

    /// The acting policy, the new policy, and the stage of the update.
    ///
    /// # Panics
    /// When the chip does not answer, or answers something else.
    pub fn policies(&mut self) -> Policies {
        match self.ask(&Request::Policies) {
            Some(Reply::Policies(policies)) => policies,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a part of a new image and returns the number of bytes that the chip has received.
    ///
    /// # Errors
    /// When the chip refuses the part.
    ///
    /// # Panics
    /// When the chip does not answer, or answers something else.
    pub fn transfer(&mut self, transfer: Transfer) -> Result<u32, daa_core::update::UpdateError> {
        match self.ask(&Request::Transfer(transfer)) {
            Some(Reply::Transfer(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    /// Closes the request pipe without a goodbye message, waits for the end, and returns the exit code.
    ///
    /// # Panics
    /// When QEMU cannot be waited for.
    #[must_use]
    pub fn hang_up(mut self) -> Option<i32> {
        self.request = File::open("/dev/null").expect("a file");
        self.exit_code()
    }

    /// Waits until the firmware has ended and returns its exit code.
    ///
    /// # Panics
    /// When QEMU cannot be waited for.
    #[must_use]
    pub fn exit_code(mut self) -> Option<i32> {
        self.qemu.wait().expect("QEMU ends").code()
    }
}

/// The log messages of the firmware that ran last in a folder, decoded with the strings in its ELF.
///
/// # Panics
/// When the decoder cannot be built or cannot read the log.
#[must_use]
pub fn log(folder: &Path) -> Vec<String> {
    let decoder = Decoder::build(&crate::project()).expect("the decoder builds");
    let lines = qemu::log(folder, &decoder).expect("the log can be decoded");
    lines.into_iter().map(|line| line.message).collect()
}
