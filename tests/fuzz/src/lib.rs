//! Fuzz targets: functions that give arbitrary bytes to the parsers of images, link frames and configurations.
//!
//! A panic is a finding, either in a parser or in a check of the parser's promises. `cargo xtask fuzz`
//! calls these functions under libFuzzer; this package's test replays the kept corpus without it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is the report")]

#[cfg(feature = "trainer")]
mod config;
mod image;
mod link;
mod promises;
mod seeds;

#[cfg(feature = "trainer")]
pub use config::config;
pub use image::image;
pub use link::link;
#[cfg(feature = "trainer")]
pub use seeds::dictionary;
pub use seeds::seeds;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All fuzz targets.
pub const TARGETS: &[(&str, Target)] = &[
    ("image", image),
    ("link", link),
    #[cfg(feature = "trainer")]
    ("config", config),
];
