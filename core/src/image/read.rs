//! Checked reading of an image, without copies.

use super::architecture::{self, ARCHITECTURE_BYTES, Architecture};
use super::error::{ImageError, Section};
use super::header::{FORMAT_VERSION, HEADER_LEN, MAGIC, checksum, offset, padded};
use super::metadata::Metadata;
use crate::math::WeightType;
use crate::math::integer::DynIntegerMlp;
use crate::safety::monitor::Levels;
use serde::Deserialize;

/// A golden vector: an observation, and the action that the policy must answer, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoldenVector<'b> {
    /// `[OBS]`, in the metadata's units.
    pub observation: &'b [f32],
    /// `[ACT]`, in the metadata's units.
    pub action: &'b [f32],
}

/// A checked image over borrowed bytes.
#[derive(Clone, Debug)]
pub struct Image<'b> {
    architecture: Architecture,
    metadata: Metadata<'b>,
    sections: [&'b [f32]; Section::ALL.len()],
    checksum: u32,
    total_len: usize,
}

fn u16_at(bytes: &[u8; HEADER_LEN], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The header, once magic, version and header length hold; and the declared total length.
fn header(bytes: &[u8]) -> Result<(&[u8; HEADER_LEN], usize), ImageError> {
    let header = bytes.first_chunk::<HEADER_LEN>();
    // Check the magic bytes first, so that a short file of another kind gets the right error.
    let magic = bytes.get(offset::MAGIC..MAGIC.len());
    if magic.is_some_and(|magic| magic != MAGIC) {
        return Err(ImageError::Magic);
    }
    let header = header.ok_or(ImageError::TooShort { len: bytes.len() })?;
    let version = u16_at(header, offset::VERSION);
    if version != FORMAT_VERSION {
        return Err(ImageError::Version { found: version });
    }
    if usize::from(u16_at(header, offset::HEADER_LEN)) != HEADER_LEN {
        return Err(ImageError::Layout);
    }
    Ok((header, u32_at(header, offset::TOTAL_LEN) as usize))
}

impl<'b> Image<'b> {
    /// Checks `bytes`, which must be the image and nothing else, and decodes it.
    ///
    /// Order of the checks: magic, format version, length, architecture hash, CRC-32; only then
    /// the metadata is decoded, and metadata and sections are checked. Never panics. Needs no heap;
    /// weights stay where they are.
    ///
    /// # Errors
    /// The first cause, as an [`ImageError`].
    pub fn open(bytes: &'b [u8]) -> Result<Self, ImageError> {
        let (header, total_len) = header(bytes)?;
        if bytes.len() < total_len {
            return Err(ImageError::Truncated { declared: total_len, found: bytes.len() });
        }
        if bytes.len() > total_len {
            return Err(ImageError::TrailingBytes { declared: total_len, found: bytes.len() });
        }
        let mut block = [0; ARCHITECTURE_BYTES];
        block.copy_from_slice(
            &header[offset::ARCHITECTURE..offset::ARCHITECTURE + ARCHITECTURE_BYTES],
        );
        if architecture::hash(&block) != u32_at(header, offset::ARCHITECTURE_HASH) {
            return Err(ImageError::ArchitectureHash);
        }
        let (stored, computed) = (u32_at(header, offset::CRC), checksum(bytes));
        if stored != computed {
            return Err(ImageError::Checksum { stored, computed });
        }
        if header[offset::RESERVED..].iter().any(|byte| *byte != 0) {
            return Err(ImageError::Layout);
        }

        let architecture = Architecture::from_bytes(&block)?;
        let body = bytes.get(HEADER_LEN..).ok_or(ImageError::Layout)?;
        let metadata_len = u32_at(header, offset::METADATA_LEN) as usize;
        let (metadata, numbers) = split_metadata(body, metadata_len)?;
        let golden = u32_at(header, offset::GOLDEN_COUNT) as usize;
        let sections = split_sections(numbers, &architecture, golden)?;

        // Not `take_from_bytes`: it would copy the metadata, of 5 KiB, once more on the stack.
        let mut decoder = postcard::Deserializer::from_bytes(metadata);
        let metadata =
            Metadata::<'b>::deserialize(&mut decoder).map_err(|_| ImageError::Metadata)?;
        if !decoder.finalize().is_ok_and(<[u8]>::is_empty) {
            return Err(ImageError::Metadata);
        }
        metadata.check(&architecture)?;
        let image = Self { architecture, metadata, sections, checksum: stored, total_len };
        image.check_numbers()?;
        Ok(image)
    }

    /// [`open`](Self::open) for a flash region that may be larger than the image: the rest of the
    /// region must be blank, all `0xFF` (erased) or all `0x00`.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`ImageError::TrailingBytes`] when the rest is not blank.
    pub fn open_region(region: &'b [u8]) -> Result<Self, ImageError> {
        let (_, total_len) = header(region)?;
        let (bytes, rest) = region
            .split_at_checked(total_len)
            .ok_or(ImageError::Truncated { declared: total_len, found: region.len() })?;
        if !(rest.iter().all(|byte| *byte == 0xFF) || rest.iter().all(|byte| *byte == 0)) {
            return Err(ImageError::TrailingBytes { declared: total_len, found: region.len() });
        }
        Self::open(bytes)
    }

    /// Returns the image when it has exactly the wanted networks.
    ///
    /// # Errors
    /// [`ImageError::OtherArchitecture`].
    pub fn expect(self, wanted: &Architecture) -> Result<Self, ImageError> {
        self.check_architecture(wanted)?;
        Ok(self)
    }

    /// [`expect`](Self::expect) without moving the image, which has 5 KiB: the stack of a microcontroller
    /// is small.
    ///
    /// # Errors
    /// [`ImageError::OtherArchitecture`].
    pub fn check_architecture(&self, wanted: &Architecture) -> Result<(), ImageError> {
        if self.architecture == *wanted {
            return Ok(());
        }
        let (wanted, found) = (wanted.hash(), self.architecture.hash());
        Err(ImageError::OtherArchitecture { wanted, found })
    }

    fn check_numbers(&self) -> Result<(), ImageError> {
        let weights = self.architecture.policy_weights;
        let integers = match weights {
            WeightType::F32 => 0,
            _ => self.architecture.policy_words(),
        };
        if integers > 0 {
            let (shape, activation) =
                (self.architecture.policy(), self.architecture.policy_activation);
            DynIntegerMlp::new(shape, weights, activation, self.policy_integers())
                .map_err(ImageError::Integer)?;
        }
        for (section, numbers) in Section::ALL.into_iter().zip(self.sections) {
            // Integer weights may have any bits; they were checked above.
            let skip = if section == Section::Policy { integers } else { 0 };
            let finite = |number: &f32| number.is_finite();
            if let Some(index) = numbers.iter().skip(skip).position(|number| !finite(number)) {
                return Err(ImageError::NotFinite { section, index: skip + index });
            }
        }
        if let Some(index) = self.transition_scale().iter().position(|scale| *scale <= 0.0) {
            return Err(ImageError::Scale { index });
        }
        let levels = self.monitor_levels();
        let ordered = levels.is_none_or(|levels| levels.warn <= levels.alarm);
        if !ordered || self.section(Section::Monitor).iter().any(|number| *number <= 0.0) {
            return Err(ImageError::Monitor);
        }
        Ok(())
    }

    /// Sizes and functions of the networks.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The metadata of the image.
    #[must_use]
    pub fn metadata(&self) -> &Metadata<'b> {
        &self.metadata
    }

    /// CRC-32 of the image: its fingerprint in logs and replies.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Length of the image in bytes.
    #[must_use]
    pub fn total_len(&self) -> usize {
        self.total_len
    }

    /// All numbers of a section; empty when the image does not have it.
    #[must_use]
    pub fn section(&self, section: Section) -> &'b [f32] {
        self.sections[section as usize]
    }

    /// The words of a network with integer weights, as
    /// [`DynIntegerMlp::new`](crate::math::integer::DynIntegerMlp::new) takes them; empty when the weights are floats.
    #[must_use]
    pub fn policy_integers(&self) -> &'b [u32] {
        if self.architecture.policy_weights == WeightType::F32 {
            return &[];
        }
        let words: &'b [u32] = bytemuck::cast_slice(self.section(Section::Policy));
        words.get(..self.architecture.policy_words()).unwrap_or(&[])
    }

    /// `log_std [ACT]` of the policy.
    #[must_use]
    pub fn log_std(&self) -> &'b [f32] {
        self.section(Section::Policy).get(self.architecture.policy_words()..).unwrap_or(&[])
    }

    /// The policy's parameters and `log_std [ACT]`, as [`Policy::new`](crate::Policy::new) takes them.
    /// For a network with integer weights the numbers are not floats, see
    /// [`policy_integers`](Self::policy_integers).
    #[must_use]
    pub fn policy_weights(&self) -> &'b [f32] {
        self.section(Section::Policy)
    }

    /// `[OBS]` units of the transition network's outputs; empty without a model.
    #[must_use]
    pub fn transition_scale(&self) -> &'b [f32] {
        let section = self.section(Section::Transition);
        section.get(..usize::from(self.architecture.observations)).unwrap_or(&[])
    }

    /// The transition network's parameters; empty without a model.
    #[must_use]
    pub fn transition_weights(&self) -> &'b [f32] {
        let section = self.section(Section::Transition);
        section.get(usize::from(self.architecture.observations)..).unwrap_or(&[])
    }

    /// `[OBS]` root mean squares of the transition network's errors at export; empty without a model.
    #[must_use]
    pub fn monitor_residual(&self) -> &'b [f32] {
        let section = self.section(Section::Monitor);
        section.get(..usize::from(self.architecture.observations)).unwrap_or(&[])
    }

    /// Levels of the monitor's score; `None` without a model.
    #[must_use]
    pub fn monitor_levels(&self) -> Option<Levels> {
        match *self.section(Section::Monitor) {
            [.., warn, alarm] => Some(Levels { warn, alarm }),
            _ => None,
        }
    }

    /// The golden vectors.
    pub fn golden(&self) -> impl ExactSizeIterator<Item = GoldenVector<'b>> + use<'b> {
        let observations = usize::from(self.architecture.observations);
        let pair = observations + usize::from(self.architecture.actions);
        self.section(Section::Golden).chunks_exact(pair).map(move |numbers| {
            let (observation, action) = numbers.split_at(observations);
            GoldenVector { observation, action }
        })
    }
}

/// Metadata bytes and the numbers after their zero padding.
fn split_metadata(body: &[u8], len: usize) -> Result<(&[u8], &[u8]), ImageError> {
    if len > body.len() {
        return Err(ImageError::Layout);
    }
    let (metadata, rest) = body.split_at(len);
    let (padding, numbers) = rest.split_at_checked(padded(len) - len).ok_or(ImageError::Layout)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(ImageError::Layout);
    }
    Ok((metadata, numbers))
}

fn split_sections<'b>(
    numbers: &'b [u8],
    architecture: &Architecture,
    golden: usize,
) -> Result<[&'b [f32]; Section::ALL.len()], ImageError> {
    // Larger counts can never fit; the check keeps the product below from wrapping.
    if golden > numbers.len() {
        return Err(ImageError::Layout);
    }
    let mut rest: &'b [f32] = bytemuck::try_cast_slice(numbers).map_err(|error| match error {
        bytemuck::PodCastError::TargetAlignmentGreaterAndInputNotAligned => ImageError::Misaligned,
        _ => ImageError::Layout,
    })?;
    let mut sections: [&'b [f32]; Section::ALL.len()] = [&[]; Section::ALL.len()];
    for (slot, section) in sections.iter_mut().zip(Section::ALL) {
        let len = architecture.section_len(section, golden);
        (*slot, rest) = rest.split_at_checked(len).ok_or(ImageError::Layout)?;
    }
    if rest.is_empty() { Ok(sections) } else { Err(ImageError::Layout) }
}
