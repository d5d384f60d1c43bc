//! Commands with an old name.

use anyhow::{Result, bail};

/// `cargo xtask flash-policy`.
#[derive(Debug, clap::Args)]
pub(crate) struct FlashPolicy {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<String>,
}

impl FlashPolicy {
    /// Always fails.
    ///
    /// # Errors
    /// The new name.
    pub(crate) fn run(self) -> Result<()> {
        bail!("`cargo xtask flash-policy` is now `cargo xtask upload`, with the same options")
    }
}
