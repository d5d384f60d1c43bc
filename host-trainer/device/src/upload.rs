//! Upload of a new image over the link, into the slot whose policy does not act.

use crate::link::Link;
use anyhow::{Context, Result, bail};
use daa_core::image::Image;
use daa_core::protocol::ResetCause;
use daa_core::protocol::{
    Identity, PIECE_BYTES, PROTOCOL_VERSION, Policies, Reply, Request, Transfer,
};
use daa_core::safety::state::Mode;
use daa_formats::image::AlignedImage;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Options of an upload.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image.
    pub image: PathBuf,
    /// FIFO or serial port that takes requests.
    pub request: PathBuf,
    /// FIFO or serial port that gives replies.
    pub reply: PathBuf,
    /// Whether the actuators are made safe first.
    pub disarm: bool,
    /// Whether the firmware is told that the program ends; an emulated microcontroller then switches off.
    pub goodbye: bool,
}

/// Result of an upload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// CRC-32 of the image.
    pub image: u32,
    /// Number of bytes of the image.
    pub bytes: u32,
    /// Number of bytes that an earlier transfer had sent.
    pub resumed_at: u32,
    /// Cause of the last start of the microcontroller.
    pub reset: ResetCause,
    /// The policies of the microcontroller after the upload.
    pub policies: Policies,
}

/// Checks an image and sends it to the microcontroller, which checks it again and runs it in shadow: its actions
/// are computed and not used. Until the last byte is checked, the microcontroller has only the old policy.
///
/// # Errors
/// When the image is refused by the workstation or the microcontroller, or the link breaks. The policies are then
/// unchanged, and the next call continues the transfer.
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
            "the firmware speaks protocol {}, this program {PROTOCOL_VERSION}: build and flash the firmware of this version",
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
            bail!("the controller is armed: stop the program that controls it, or add --disarm")
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
