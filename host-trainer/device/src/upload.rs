//! A new image over the link, into the slot whose policy does not act.

use crate::link::Link;
use anyhow::{Context, Result, bail};
use daa_core::image::Image;
use daa_core::ladder::Mode;
use daa_core::link::{Identity, PIECE_BYTES, PROTOCOL_VERSION, Policies, Reply, Request, Transfer};
use daa_core::reset::ResetCause;
use daa_formats::image::AlignedImage;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to send, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image.
    pub image: PathBuf,
    /// Where requests go: a FIFO, or a serial port.
    pub request: PathBuf,
    /// Where replies come from: a FIFO, or the same serial port.
    pub reply: PathBuf,
    /// Make the actuators safe first.
    pub disarm: bool,
    /// Tell the firmware goodbye in the end: the emulated one then switches off.
    pub goodbye: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// CRC-32 of the image.
    pub image: u32,
    /// Bytes of it, and those that had arrived before.
    pub bytes: u32,
    /// Bytes that an earlier transfer had left there.
    pub resumed_at: u32,
    /// Why the microcontroller was started the last time.
    pub reset: ResetCause,
    /// The policies after it.
    pub policies: Policies,
}

/// Checks an image, sends it, has it checked there and puts it into shadow. Until its last byte was
/// checked there the old policy is the only one, whatever happens.
///
/// # Errors
/// When the image is refused here or there, or the link breaks: then nothing has changed, and the next
/// call goes on where this one stopped.
pub fn upload(options: &Options, mut progress: impl FnMut(u32, u32)) -> Result<Report> {
    let file = AlignedImage::read(&options.image)?;
    let image = file.open().with_context(|| options.image.display().to_string())?;
    let mut link = Link::open(&options.request, &options.reply)?;
    let identity = link.hello()?;
    fits(&image, &identity)?;
    safe(&mut link, options.disarm)?;
    let report = send(&mut link, &image, file.bytes(), &options.image, &mut progress)?;
    if options.goodbye {
        link.send(&Request::Goodbye)?;
    }
    Ok(report)
}

fn fits(image: &Image<'_>, identity: &Identity) -> Result<()> {
    if identity.protocol != PROTOCOL_VERSION {
        bail!(
            "the firmware speaks protocol {}, this program {PROTOCOL_VERSION}: flash a firmware built today",
            identity.protocol
        );
    }
    let architecture = image.architecture();
    let (theirs, ours) = (
        (identity.observations, identity.actions),
        (architecture.observations, architecture.actions),
    );
    if theirs != ours {
        bail!(
            "the firmware has {} observations and {} actions, the image {} and {}: flash a firmware built for it",
            theirs.0,
            theirs.1,
            ours.0,
            ours.1
        );
    }
    if identity.image_checksum == image.checksum() {
        bail!("the microcontroller runs this image already");
    }
    Ok(())
}

fn safe(link: &mut Link, disarm: bool) -> Result<()> {
    let request = if disarm { Request::Disarm } else { Request::Status };
    match link.ask(&request)? {
        Reply::Status(status) if status.mode == Mode::Safe => Ok(()),
        Reply::Status(_) => {
            bail!("the controller is armed: stop whoever drives it, or add --disarm")
        }
        other => bail!("an unexpected reply to {request:?}: {other:?}"),
    }
}

fn send(
    link: &mut Link,
    image: &Image<'_>,
    bytes: &[u8],
    path: &Path,
    progress: &mut impl FnMut(u32, u32),
) -> Result<Report> {
    let len = u32::try_from(bytes.len()).context("an image has less than 4 GiB")?;
    let (checksum, architecture) = (image.checksum(), image.architecture().hash());
    let refused = || format!("{}: the microcontroller refuses it", path.display());
    let step = |link: &mut Link, transfer: Transfer| -> Result<u32> {
        match link.ask(&Request::Transfer(transfer))? {
            Reply::Transfer(result) => result.with_context(refused),
            Reply::Refused { reason, .. } => bail!("the link: {reason}; try again"),
            other => bail!("an unexpected reply to a part of the image: {other:?}"),
        }
    };
    let resumed_at = step(link, Transfer::Begin { len, checksum, architecture })?;
    let mut received = resumed_at;
    while received < len {
        let rest = bytes.get(received as usize..).unwrap_or(&[]);
        let piece = rest.get(..PIECE_BYTES).unwrap_or(rest);
        let bytes = heapless::Vec::from_slice(piece).unwrap_or_default();
        let arrived = step(link, Transfer::Piece { offset: received, bytes })?;
        if arrived <= received {
            bail!("the microcontroller does not take byte {received}: try again");
        }
        received = arrived;
        progress(received, len);
    }
    step(link, Transfer::Commit)?;
    // The firmware has started its loop again.
    let reset = link.hello()?.reset;
    match link.ask(&Request::Policies)? {
        Reply::Policies(policies) if policies.other == Some(checksum) => {
            Ok(Report { image: checksum, bytes: len, resumed_at, reset, policies })
        }
        Reply::Policies(_) => bail!("the new image was rejected: the firmware's log says why"),
        other => bail!("an unexpected reply to Policies: {other:?}"),
    }
}
