//! The link to a microcontroller: framed requests and replies over a FIFO or a serial port.

use anyhow::{Context, Result, bail};
use daa_core::image::{MAX_ACTIONS, MAX_OBSERVATIONS};
use daa_core::model::planner::Planned;
use daa_core::protocol::{
    FrameReader, Identity, Measurement, Reply, Request, encode, frame_capacity,
};
use daa_core::safety::state::Mode;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const CAPACITY: usize = frame_capacity(MAX_OBSERVATIONS);

/// The link to a microcontroller.
pub(crate) struct Link {
    request: File,
    reply: File,
    reader: FrameReader<CAPACITY>,
    bytes: Vec<u8>,
    taken: usize,
}

impl Link {
    pub(crate) fn open(request: &Path, reply: &Path) -> Result<Self> {
        let open = |path: &Path, write: bool| {
            File::options()
                .read(!write)
                .write(write)
                .open(path)
                .with_context(|| format!("cannot open {}", path.display()))
        };
        // Opening a FIFO waits for its other end, so both sides open the FIFOs in the same order.
        let request = open(request, true)?;
        let reply = open(reply, false)?;
        Ok(Self { request, reply, reader: FrameReader::new(), bytes: Vec::new(), taken: 0 })
    }

    pub(crate) fn send(&mut self, request: &Request<MAX_OBSERVATIONS>) -> Result<()> {
        let mut buffer = [0; CAPACITY];
        let frame = encode(request, &mut buffer)?;
        self.request.write_all(frame).context("the microcontroller closed the connection")
    }

    pub(crate) fn ask(
        &mut self,
        request: &Request<MAX_OBSERVATIONS>,
    ) -> Result<Reply<MAX_ACTIONS>> {
        self.send(request)?;
        loop {
            while let Some(byte) = self.bytes.get(self.taken) {
                self.taken += 1;
                if let Some(reply) = self.reader.push(*byte) {
                    return reply.context("the reply is damaged");
                }
            }
            self.bytes.resize(512, 0);
            let len = self.reply.read(&mut self.bytes).context("cannot read the reply")?;
            self.bytes.truncate(len);
            self.taken = 0;
            if len == 0 {
                bail!("the microcontroller closed the connection");
            }
        }
    }

    pub(crate) fn hello(&mut self) -> Result<Identity> {
        match self.ask(&Request::Hello)? {
            Reply::Hello(identity) => Ok(identity),
            other => bail!("an unexpected reply to Hello: {other:?}"),
        }
    }

    pub(crate) fn arm(&mut self) -> Result<()> {
        match self.ask(&Request::Arm)? {
            Reply::Status(status) if status.armed || status.mode != Mode::Safe => Ok(()),
            other => bail!("an unexpected reply to Arm: {other:?}"),
        }
    }

    /// Resets the controller's state at the end of an episode.
    pub(crate) fn begin_again(&mut self) -> Result<()> {
        match self.ask(&Request::Disarm)? {
            Reply::Status(status) if status.mode == Mode::Safe => self.arm(),
            other => bail!("an unexpected reply to Disarm: {other:?}"),
        }
    }

    pub(crate) fn plan(&mut self, request: &Request<MAX_OBSERVATIONS>) -> Result<Planned> {
        match self.ask(request)? {
            Reply::Planned(Some(planned)) => Ok(planned),
            Reply::Planned(None) => {
                bail!("the image of the microcontroller has no model for planning")
            }
            other => bail!("an unexpected reply to {request:?}: {other:?}"),
        }
    }

    pub(crate) fn measure(&mut self, observation: &[f32]) -> Result<Measurement> {
        match self.ask(&Request::Measure { observation: vector(observation)? })? {
            Reply::Measured(measurement) => Ok(measurement),
            other => bail!("an unexpected reply to Measure: {other:?}"),
        }
    }
}

pub(crate) fn vector(numbers: &[f32]) -> Result<heapless::Vec<f32, MAX_OBSERVATIONS>> {
    heapless::Vec::from_slice(numbers).map_err(|_| anyhow::anyhow!("too many observations"))
}
