//! Fuzz target of link frames. Each input is read twice: as a byte stream, and as payloads of frames with correct
//! COBS encoding and CRC-32.

use daa_core::SVector;
use daa_core::protocol::{FrameReader, Reply, Request, decode, encode, frame_capacity};
use daa_core::safety::Guard;

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

/// Splits the input into payloads: a length byte, then that many bytes, repeated.
fn payloads(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (len, rest) = data.split_first()?;
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        Some(payload)
    })
}

/// The frame of a payload: `COBS(payload || CRC-32)` and a zero byte.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(payload);
    let bytes: Vec<u8> = payload.iter().copied().chain(crc.to_le_bytes()).collect();
    let mut frame = vec![0; cobs::max_encoding_length(bytes.len())];
    let len = cobs::encode(&bytes, &mut frame);
    frame.truncate(len);
    frame.push(0);
    frame
}

/// Checks that a decoded message, encoded and decoded again, is the same message.
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

/// Checks that only finite observations within their ranges pass the guard.
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

/// Checks that after any bytes the reader decodes the first frame behind the next zero byte.
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
