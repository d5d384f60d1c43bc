//! Link frames: the bytes as a stream, and again as payloads of frames whose COBS and CRC-32 hold.

use daa_core::SVector;
use daa_core::guard::Guard;
use daa_core::link::{FrameReader, Reply, Request, decode, encode, frame_capacity};

const OBS: usize = 3;
const ACT: usize = 2;
const CAPACITY: usize = frame_capacity(OBS);

/// Reads bytes as frames of both directions.
pub fn link(data: &[u8]) {
    stream(data);
    for payload in payloads(data) {
        let frame = frame(payload);
        messages(&frame);
        stream(&frame);
    }
}

/// Payloads as the input gives them: a byte of length, then so many bytes, again and again.
fn payloads(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (len, rest) = data.split_first()?;
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        Some(payload)
    })
}

/// `COBS(payload || CRC-32)` and a zero, by the specification.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(payload);
    let bytes: Vec<u8> = payload.iter().copied().chain(crc.to_le_bytes()).collect();
    let mut frame = vec![0; cobs::max_encoding_length(bytes.len())];
    let len = cobs::encode(&bytes, &mut frame);
    frame.truncate(len);
    frame.push(0);
    frame
}

/// A sound frame: what it says is the same after it was said again.
fn messages(frame: &[u8]) {
    let len = frame.len() - 1;
    let mut again = [0; 1024];
    if let Ok(request) = decode::<Request<OBS>>(&mut frame[..len].to_vec()) {
        let first = encode(&request, &mut again).expect("it came through this link").to_vec();
        assert!(first.len() <= CAPACITY, "longer than any reader's room");
        let request: Request<OBS> = decode(&mut first[..first.len() - 1].to_vec()).unwrap();
        assert_eq!(encode(&request, &mut again).unwrap(), first);
        observation(&request);
    }
    if let Ok(reply) = decode::<Reply<ACT>>(&mut frame[..len].to_vec()) {
        let first = encode(&reply, &mut again).expect("it came through this link").to_vec();
        assert!(first.len() <= CAPACITY, "longer than any reader's room");
        let reply: Reply<ACT> = decode(&mut first[..first.len() - 1].to_vec()).unwrap();
        assert_eq!(encode(&reply, &mut again).unwrap(), first);
    }
}

/// Nothing gets past the guard that is not finite and in range.
fn observation(request: &Request<OBS>) {
    if let Request::Decide { observation, .. } | Request::Measure { observation } = request
        && let Ok(observation) = <[f32; OBS]>::try_from(observation.as_slice())
    {
        let passed = Guard::new([(-1.0, 1.0); OBS]).check(&SVector::from(observation)).is_ok();
        assert_eq!(passed, observation.iter().all(|value| (-1.0..=1.0).contains(value)));
    }
    #[cfg(feature = "planted")]
    if let Request::Decide { sequence, observation } = request {
        assert!(*sequence < 1000 || observation.len() != 2, "planted");
    }
}

/// Any stream leaves a reader that understands the first frame after the next zero.
fn stream(bytes: &[u8]) {
    let (mut requests, mut replies) =
        (FrameReader::<CAPACITY>::new(), FrameReader::<CAPACITY>::new());
    for byte in bytes {
        let _ = requests.push::<Request<OBS>>(*byte);
        let _ = replies.push::<Reply<ACT>>(*byte);
    }
    let mut buffer = [0; CAPACITY];
    let status = encode(&Request::<OBS>::Status, &mut buffer).unwrap();
    let _ = requests.push::<Request<OBS>>(0);
    let last = status.iter().filter_map(|byte| requests.push::<Request<OBS>>(*byte)).last();
    assert_eq!(last, Some(Ok(Request::Status)));
}
