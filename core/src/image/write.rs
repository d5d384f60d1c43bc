//! Writing an image. The workstation uses it; it would run on the microcontroller too.

use super::architecture::{ARCHITECTURE_BYTES, Architecture};
use super::error::{ImageError, Section};
use super::header::{FORMAT_VERSION, HEADER_LEN, MAGIC, checksum, offset, padded};
use super::metadata::Metadata;
use super::read::Image;

/// Bytes reserved for the metadata by [`Contents::capacity`].
pub const METADATA_CAPACITY: usize = 32 * 1024;

/// Dynamics and critic to be written.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// `[OBS]` units of the transition network's outputs.
    pub transition_scale: &'a [f32],
    /// Parameters of the transition network.
    pub transition: &'a [f32],
    /// Parameters of the reward network.
    pub reward: &'a [f32],
    /// Parameters of the critic.
    pub critic: &'a [f32],
    /// `[OBS]` root mean squares of the transition network's errors, then the two
    /// [levels](crate::safety::monitor::Levels) of the monitor.
    pub monitor: &'a [f32],
}

/// The contents of an image to be written.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// Sizes and functions of the networks.
    pub architecture: Architecture,
    /// The metadata.
    pub metadata: &'a Metadata<'a>,
    /// Parameters of the policy, then `log_std [ACT]`.
    pub policy: &'a [f32],
    /// Dynamics and critic, exactly when the architecture has them.
    pub model: Option<Model<'a>>,
    /// `[count][OBS + ACT]` golden pairs.
    pub golden: &'a [f32],
}

impl Contents<'_> {
    /// A buffer of this many bytes is large enough for [`write()`].
    #[must_use]
    pub fn capacity(&self) -> usize {
        let numbers: usize = Section::ALL
            .into_iter()
            .map(|section| self.architecture.section_len(section, self.golden_count()))
            .sum();
        HEADER_LEN + METADATA_CAPACITY + 4 * numbers
    }

    fn golden_count(&self) -> usize {
        let pair =
            usize::from(self.architecture.observations) + usize::from(self.architecture.actions);
        self.golden.len() / pair.max(1)
    }
}

/// Writes an image into `buffer`, reads it back with every check of [`Image::open`], and returns its
/// length. `buffer` must be 4-byte aligned.
///
/// # Errors
/// [`ImageError::SectionLength`] or [`ImageError::BufferTooSmall`], or the error of reading the image
/// back: an image that [`Image::open`] refuses is not returned.
pub fn write(contents: &Contents<'_>, buffer: &mut [u8]) -> Result<usize, ImageError> {
    contents.architecture.check()?;
    let golden_count = contents.golden_count();
    let body = buffer.get_mut(HEADER_LEN..).ok_or(ImageError::BufferTooSmall)?;
    let metadata_len =
        postcard::to_slice(contents.metadata, body).map_err(|_| ImageError::BufferTooSmall)?.len();
    let mut end = HEADER_LEN + padded(metadata_len);
    buffer.get_mut(HEADER_LEN + metadata_len..end).ok_or(ImageError::BufferTooSmall)?.fill(0);

    let none =
        Model { transition_scale: &[], transition: &[], reward: &[], critic: &[], monitor: &[] };
    let model = contents.model.unwrap_or(none);
    let parts: [(Section, [&[f32]; 2]); 6] = [
        (Section::Policy, [contents.policy, &[]]),
        (Section::Transition, [model.transition_scale, model.transition]),
        (Section::Reward, [model.reward, &[]]),
        (Section::Critic, [model.critic, &[]]),
        (Section::Monitor, [model.monitor, &[]]),
        (Section::Golden, [contents.golden, &[]]),
    ];
    for (section, numbers) in parts {
        let expected = contents.architecture.section_len(section, golden_count);
        let found = numbers[0].len() + numbers[1].len();
        if expected != found {
            return Err(ImageError::SectionLength { section, expected, found });
        }
        for number in numbers.into_iter().flatten() {
            let slot = buffer.get_mut(end..end + 4).ok_or(ImageError::BufferTooSmall)?;
            slot.copy_from_slice(&number.to_le_bytes());
            end += 4;
        }
    }

    let image = &mut buffer[..end];
    let total_len = u32::try_from(end).map_err(|_| ImageError::Layout)?;
    image[..HEADER_LEN].fill(0);
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(offset::MAGIC, &MAGIC);
    put(offset::VERSION, &FORMAT_VERSION.to_le_bytes());
    put(offset::HEADER_LEN, &(HEADER_LEN as u16).to_le_bytes());
    put(offset::TOTAL_LEN, &total_len.to_le_bytes());
    put(offset::ARCHITECTURE_HASH, &contents.architecture.hash().to_le_bytes());
    let architecture: [u8; ARCHITECTURE_BYTES] = contents.architecture.to_bytes();
    put(offset::ARCHITECTURE, &architecture);
    put(offset::METADATA_LEN, &(metadata_len as u32).to_le_bytes());
    put(offset::GOLDEN_COUNT, &(golden_count as u32).to_le_bytes());
    let crc = checksum(image);
    image[offset::CRC..offset::CRC + 4].copy_from_slice(&crc.to_le_bytes());
    Image::open(image)?;
    Ok(end)
}
