//! Writer of TensorBoard's event files, without a protocol-buffer library.
//!
//! A file is a sequence of records; a record is a protocol-buffer message `Event` in a frame:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | length of the message, little-endian |
//! | 4 | masked CRC-32C of these 8 bytes |
//! | length | the message |
//! | 4 | masked CRC-32C of the message |
//!
//! | message | field | number, type |
//! |---|---|---|
//! | `Event` | `wall_time` | 1, double: seconds since 1970 |
//! | | `step` | 2, int64 |
//! | | `file_version` | 3, string: `brain.Event:2`, in the first record |
//! | | `summary` | 5, `Summary` |
//! | | `session_log` | 7, `SessionLog`: TensorBoard discards earlier records of this step and later ones |
//! | `Summary` | `value` | 1, repeated `Value` |
//! | `Value` | `tag`, `simple_value` | 1, string; 2, float |
//! | `SessionLog` | `status` | 1, enum: 1 is `START` |

use crate::metrics::tag;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An event file that is open for appending.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Creates an event file in `folder`, and the folder if it is missing. `wall_time` is in seconds since 1970
    /// and becomes part of the file's name: TensorBoard reads the files of a folder in order of time.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn create(folder: &Path, wall_time: f64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // A run that is resumed within a second must not overwrite its earlier file.
        let mut second = wall_time.max(0.0) as u64;
        let path = loop {
            let path = folder.join(format!("events.out.tfevents.{second:010}.host-trainer"));
            if second == 0 || !path.exists() {
                break path;
            }
            second += 1;
        };
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut events = Self { file, path };
        let mut event = event(wall_time, 0);
        event.bytes(3, b"brain.Event:2");
        events.record(&event.0)?;
        Ok(events)
    }

    /// Records that the run resumes from a checkpoint at `step`: TensorBoard then discards the values of this step
    /// and of later ones.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn restart(&mut self, wall_time: f64, step: u64) -> Result<()> {
        let mut event = event(wall_time, step);
        event.bytes(7, &[0x08, 1]);
        self.record(&event.0)
    }

    /// Appends the scalars of one step, each with its tag.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, wall_time: f64, step: u64, scalars: &[(String, f32)]) -> Result<()> {
        if scalars.is_empty() {
            return Ok(());
        }
        let mut summary = Message::default();
        for (tag, value) in scalars {
            let mut scalar = Message::default();
            scalar.bytes(1, tag.as_bytes());
            scalar.key(2, 5);
            scalar.0.extend(value.to_le_bytes());
            summary.bytes(1, &scalar.0);
        }
        let mut event = event(wall_time, step);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    fn record(&mut self, message: &[u8]) -> Result<()> {
        self.file
            .write_all(&frame(message))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Returns the scalars of a line of `metrics.csv`: each number with the tag that puts it into one of TensorBoard's
/// groups. Empty cells are left out.
///
/// ```
/// use daa_trainer::run::sinks::tensorboard::scalars;
/// let found = scalars(&["decisions", "evaluation_return", "kl"], &["100", "", "0.5"]);
/// assert_eq!(found, [("train/kl".to_owned(), 0.5)]);
/// ```
#[must_use]
pub fn scalars<T: AsRef<str>>(columns: &[T], cells: &[T]) -> Vec<(String, f32)> {
    let cells = columns.iter().zip(cells);
    cells
        .filter_map(|(name, cell)| Some((tag(name.as_ref())?, cell.as_ref().parse().ok()?)))
        .collect()
}

/// Returns the record that frames a message.
fn frame(message: &[u8]) -> Vec<u8> {
    let len = (message.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(message.len() + 16);
    bytes.extend(len);
    bytes.extend(masked(crc32c(&len)).to_le_bytes());
    bytes.extend(message);
    bytes.extend(masked(crc32c(message)).to_le_bytes());
    bytes
}

/// Masks a checksum as TensorFlow's record format prescribes: a plain CRC over data that contain their own CRC
/// is constant.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: an iteration writes only a few hundred bytes, so a table is not worthwhile.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let feedback = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = crc >> 1 ^ feedback;
        }
    }
    !crc
}

/// A protocol-buffer message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value > 127 {
            self.0.push(value as u8 & 127 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Appends a string or a nested message.
    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

fn event(wall_time: f64, step: u64) -> Message {
    let mut event = Message::default();
    event.key(1, 1);
    event.0.extend(wall_time.to_le_bytes());
    if step > 0 {
        event.key(2, 0);
        event.varint(step);
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and 0 to 31; and the usual check value.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_ne!(crc32c(b"123456788"), 0xe306_9283);
    }

    #[test]
    fn a_file_holds_the_bytes_that_the_tables_say() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 1.0).unwrap();
        events.append(2.0, 300, &[("a".to_owned(), 0.5)]).unwrap();
        events.append(2.0, 301, &[]).unwrap();
        events.restart(4.0, 5).unwrap();
        let bytes =
            fs::read(folder.path().join("events.out.tfevents.0000000001.host-trainer")).unwrap();
        // 1.0, 2.0 and 4.0 as doubles; 300 = 0b10_0101100; 0.5 as a float is 0x3f000000.
        let one = [&[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x1a, 13][..], b"brain.Event:2"].concat();
        let two = [
            &[0x09, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 0xac, 0x02, 0x2a, 10][..],
            &[0x0a, 8, 0x0a, 1, b'a', 0x15, 0, 0, 0, 0x3f],
        ]
        .concat();
        let three = [0x09, 0, 0, 0, 0, 0, 0, 0x10, 0x40, 0x10, 5, 0x3a, 2, 0x08, 1];
        let mut rest = &bytes[..];
        for message in [&one[..], &two, &three] {
            assert_eq!(rest[..8], (message.len() as u64).to_le_bytes());
            assert_eq!(&rest[12..12 + message.len()], message);
            assert_eq!(&rest[..16 + message.len()], frame(message));
            rest = &rest[16 + message.len()..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn columns_are_grouped_and_empty_cells_left_out() {
        let columns = ["seed", "sampled_return", "seconds_model", "kl"];
        let expected =
            [("return/sampled_return".to_owned(), 2.0), ("time/seconds_model".to_owned(), 0.25)];
        assert_eq!(scalars(&columns, &["1", "2", "0.25", ""]), expected);
    }
}
