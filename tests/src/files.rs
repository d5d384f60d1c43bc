//! Files: what a folder holds, floats, and images that can be used in place.

use daa_core::image::{Image, ImageError};
use std::fs;
use std::path::{Path, PathBuf};

/// Every file and folder below a folder, with its contents. Pipes have none, and those of a file beyond 1 GiB
/// are not read.
///
/// # Panics
/// When the type of a file cannot be found out.
#[must_use]
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let about = fs::symlink_metadata(&path).expect("the file is still there");
        let readable = about.is_file() && about.len() < 1 << 30;
        if about.is_dir() {
            found.extend(contents(&path));
        }
        let bytes = if readable { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        found.push((path, bytes));
    }
    found.sort();
    found
}

/// Writes floats as raw little-endian bytes.
pub fn write_floats(path: &Path, values: &[f32]) {
    fs::write(path, bytemuck::cast_slice::<f32, u8>(values)).expect("the disk has room");
}

/// Reads raw little-endian floats.
#[must_use]
pub fn read_floats(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).expect("the file is there");
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Largest difference between two runs of floats of one length; NaN where there is one.
#[must_use]
pub fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).fold(0.0, |largest, (a, b)| {
        let difference = (a - b).abs();
        if difference <= largest { largest } else { difference }
    })
}

/// Bytes where an image can be used in place.
#[derive(Clone, Debug)]
pub struct Aligned {
    words: Vec<u32>,
    len: usize,
}

impl Aligned {
    /// A copy of some bytes.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        let mut words = vec![0u32; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// The contents of a file.
    ///
    /// # Panics
    /// When the file cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path);
        Self::copy(&bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// Makes the checksum of a changed image hold again.
    ///
    /// # Panics
    /// When something other than the checksum is wrong with the image, or nothing is.
    pub fn repair_checksum(&mut self) {
        let Err(ImageError::Checksum { computed, .. }) = Image::open(self.bytes()) else {
            panic!("the checksum holds, or more than the checksum is wrong");
        };
        self.bytes_mut()[20..24].copy_from_slice(&computed.to_le_bytes());
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// The bytes, to change them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}
