use super::*;
use crate::safety::Mode;
use heapless::Vec;
use proptest::prelude::*;

const CAPACITY: usize = frame_capacity(3);

fn request() -> Request<3> {
    let observation = Vec::from_slice(&[1.5, 0.0, -2.0]).unwrap();
    Request::Decide { sequence: 256, observation }
}

fn read(
    reader: &mut FrameReader<CAPACITY>,
    bytes: &[u8],
) -> std::vec::Vec<Result<Request<3>, FrameError>> {
    bytes.iter().filter_map(|byte| reader.push(*byte)).collect()
}

#[test]
fn the_bytes_of_a_frame_by_hand() {
    let mut buffer = [0; 16];
    // Hello is variant 0: payload 00, CRC-32 of one zero byte is d202ef8d.
    // COBS: 01 (a zero one byte on), 05 8d ef 02 d2, 00.
    let frame = encode(&Request::<3>::Hello, &mut buffer).unwrap();
    assert_eq!(frame, [0x01, 0x05, 0x8d, 0xef, 0x02, 0xd2, 0x00]);
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_frame_is_noticed() {
    let mut buffer = [0; CAPACITY];
    let frame = encode(&request(), &mut buffer).unwrap().to_vec();
    assert_eq!(read(&mut FrameReader::new(), &frame), [Ok(request())]);
    for bit in 0..8 * (frame.len() - 1) {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        for result in read(&mut FrameReader::new(), &damaged) {
            assert!(result.is_err(), "bit {bit}");
        }
    }
    for len in 1..frame.len() - 1 {
        let mut cut = frame[..len].to_vec();
        cut.push(0);
        assert!(read(&mut FrameReader::new(), &cut).iter().all(Result::is_err), "{len}");
    }
}

#[test]
fn a_reader_is_in_step_again_after_garbage_and_overlong_frames() {
    let mut buffer = [0; CAPACITY];
    let frame = encode(&request(), &mut buffer).unwrap().to_vec();
    let mut reader = FrameReader::new();
    let garbage = [0x55; 3 * CAPACITY];
    assert!(read(&mut reader, &garbage).is_empty());
    assert_eq!(read(&mut reader, &[0, 0]), [Err(FrameError::TooLong)]);
    assert_eq!(read(&mut reader, &frame), [Ok(request())]);
    assert_eq!(read(&mut reader, &frame[3..]).len(), 1);
    assert_eq!(read(&mut reader, &frame), [Ok(request())]);
}

#[test]
fn more_numbers_than_fit_do_not_decode() {
    let mut buffer = [0; 128];
    let observation = Vec::<f32, 4>::from_slice(&[1.0; 4]).unwrap();
    let message = Request::<4>::Decide { sequence: 1, observation };
    let frame = encode(&message, &mut buffer).unwrap().len() - 1;
    assert_eq!(decode::<Request<3>>(&mut buffer[..frame]), Err(FrameError::Message));
}

proptest! {
    #[test]
    fn messages_round_trip_and_fit_their_buffers(
        sequence in any::<u32>(), numbers in proptest::collection::vec(any::<f32>(), 0..=40),
    ) {
        let action = Vec::<f32, 40>::from_slice(&numbers).unwrap();
        let message = Reply::<40>::Action { sequence, action, ticks: u32::MAX, mode: Mode::Fallback };
        let mut buffer = [0; frame_capacity(40)];
        let len = encode(&message, &mut buffer).unwrap().len();
        let decoded: Reply<40> = decode(&mut buffer[..len - 1]).unwrap();
        let Reply::Action { sequence: s, action, .. } = decoded else { panic!("another message") };
        prop_assert_eq!(s, sequence);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<std::vec::Vec<_>>();
        prop_assert_eq!(bits(&action), bits(&numbers));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&mut FrameReader::new(), &bytes);
    }
}
