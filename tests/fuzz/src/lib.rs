//! Everything that reads what others wrote, as functions that must never panic, whatever the bytes.
//!
//! A panic is a finding: of the parsers, or of a check here of what they promise. `cargo xtask fuzz`
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

/// A function to be fuzzed.
pub type Target = fn(&[u8]);

/// All of them.
pub const TARGETS: &[(&str, Target)] = &[
    ("image", image),
    ("link", link),
    #[cfg(feature = "trainer")]
    ("config", config),
];
