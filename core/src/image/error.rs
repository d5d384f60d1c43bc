//! Why an image is refused.

use crate::math::integer::IntegerError;
use crate::math::normaliser::NormaliserError;
use core::fmt;

/// A run of `f32` in an image, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Section {
    /// The policy's parameters and log standard deviations.
    Policy,
    /// Scale and parameters of the transition network.
    Transition,
    /// Parameters of the reward network.
    Reward,
    /// Parameters of the critic.
    Critic,
    /// Prediction errors of the transition network at export.
    Monitor,
    /// Golden observation/action pairs.
    Golden,
}

impl Section {
    /// All sections, in file order.
    pub const ALL: [Self; 6] =
        [Self::Policy, Self::Transition, Self::Reward, Self::Critic, Self::Monitor, Self::Golden];
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Transition => "transition",
            Self::Reward => "reward",
            Self::Critic => "critic",
            Self::Monitor => "monitor",
            Self::Golden => "golden vectors",
        })
    }
}

/// Why bytes are not a usable image, or contents cannot be written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageError {
    /// Fewer bytes than a header.
    TooShort {
        /// Number of bytes found.
        len: usize,
    },
    /// The first bytes are not those of an image.
    Magic,
    /// A format version that this program does not read.
    Version {
        /// The version found.
        found: u16,
    },
    /// The file ends before the declared length.
    Truncated {
        /// Length that the header declares.
        declared: usize,
        /// Number of bytes found.
        found: usize,
    },
    /// Bytes follow after the declared length.
    TrailingBytes {
        /// Length that the header declares.
        declared: usize,
        /// Number of bytes found.
        found: usize,
    },
    /// The architecture block does not hash to the header's architecture hash.
    ArchitectureHash,
    /// The policy's integer weights cannot be used.
    Integer(IntegerError),
    /// The CRC-32 does not match: at least one bit was changed.
    Checksum {
        /// The CRC in the header.
        stored: u32,
        /// The CRC of the bytes.
        computed: u32,
    },
    /// The image is intact, but has other networks than the wanted ones.
    OtherArchitecture {
        /// Wanted architecture hash.
        wanted: u32,
        /// Architecture hash of the image.
        found: u32,
    },
    /// Impossible sizes or an unknown activation, target or weight type.
    Architecture,
    /// Metadata and sections do not add up to the declared length, or reserved bytes are set.
    Layout,
    /// The bytes do not start at a multiple of four, so weights cannot be used in place.
    Misaligned,
    /// The metadata cannot be decoded, or is followed by other bytes.
    Metadata,
    /// The number of signals in the metadata is not the number of observations and actions.
    SignalCount,
    /// A signal's limits are not finite or not ordered.
    Limits {
        /// Index of the signal, observations first.
        signal: usize,
    },
    /// The control period is 0.
    Period,
    /// The observation statistics cannot be used.
    Normaliser(NormaliserError),
    /// A section holds a NaN or an infinity.
    NotFinite {
        /// The section.
        section: Section,
        /// Index of the number in the section.
        index: usize,
    },
    /// A transition scale is not positive.
    Scale {
        /// Index of the observation.
        index: usize,
    },
    /// A residual or a level of the monitor is not positive, or the levels are not ordered.
    Monitor,
    /// A section to be written has the wrong length.
    SectionLength {
        /// The section.
        section: Section,
        /// Number of numbers that the architecture requires.
        expected: usize,
        /// Number of numbers that were given.
        found: usize,
    },
    /// The buffer to write into is too small.
    BufferTooSmall,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => {
                write!(f, "{len} bytes are too few for an image (truncated?)")
            }
            Self::Magic => write!(f, "not a policy image (wrong magic bytes)"),
            Self::Version { found } => write!(
                f,
                "image format version {found}, but this program reads version {}: export it again",
                super::header::FORMAT_VERSION
            ),
            Self::Truncated { declared, found } => {
                write!(f, "the image is truncated: {found} bytes of {declared}")
            }
            Self::TrailingBytes { declared, found } => {
                write!(f, "{} trailing bytes after the image's {declared}", found - declared)
            }
            Self::ArchitectureHash => {
                write!(f, "the image is damaged: architecture hash does not match")
            }
            Self::Checksum { stored, computed } => {
                write!(f, "the image is damaged: CRC-32 is {computed:08x}, not {stored:08x}")
            }
            Self::OtherArchitecture { wanted, found } => write!(
                f,
                "an image of another architecture ({found:08x}, wanted {wanted:08x}): build for this image"
            ),
            Self::Architecture => {
                write!(f, "the image declares impossible network sizes or functions")
            }
            Self::Layout => write!(f, "the image's parts do not add up to its length"),
            Self::Misaligned => write!(f, "the image does not start at a 4-byte boundary"),
            Self::Metadata => write!(f, "the image's metadata cannot be decoded"),
            Self::SignalCount => {
                write!(f, "the metadata does not name each observation and action once")
            }
            Self::Limits { signal } => {
                write!(f, "limits of signal {signal} are not finite and ordered")
            }
            Self::Period => write!(f, "the control period is 0"),
            Self::Integer(error) => write!(f, "policy: {error}"),
            Self::Normaliser(error) => error.fmt(f),
            Self::NotFinite { section, index } => {
                write!(f, "number {index} of section {section} is not finite")
            }
            Self::Scale { index } => write!(f, "transition scale {index} is not positive"),
            Self::Monitor => {
                write!(f, "the monitor's numbers are not positive, or its levels are not ordered")
            }
            Self::SectionLength { section, expected, found } => {
                write!(f, "section {section} needs {expected} numbers, {found} were given")
            }
            Self::BufferTooSmall => write!(f, "the buffer is too small for the image"),
        }
    }
}

impl core::error::Error for ImageError {}

impl From<NormaliserError> for ImageError {
    fn from(error: NormaliserError) -> Self {
        Self::Normaliser(error)
    }
}
