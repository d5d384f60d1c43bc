//! `cargo xtask fuzz`: libFuzzer on everything that reads files or messages of others.

use anyhow::Result;
use tools::fuzzing::Fuzzing;
use tools::project::Project;
use tools::setup;

/// What to fuzz, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Fuzz {
    /// The targets [default: all, at the same time]
    #[arg(value_parser = ["image", "link", "config"])]
    targets: Vec<String>,
    /// Time for each target, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Add inputs that cover new code to the committed corpus
    #[arg(long)]
    keep: bool,
    /// Plant a mistake in every target; the command fails if a mistake is not found
    #[arg(long, conflicts_with = "keep")]
    planted: bool,
}

impl Fuzz {
    /// Fuzzes and prints a table.
    ///
    /// # Errors
    /// When a target fails, with the path of the input; with `--planted`, when a mistake is not found.
    pub(crate) fn run(self) -> Result<()> {
        let Self { targets, seconds, keep, planted } = self;
        let project = Project::find()?;
        setup::quietly(&project)?;
        Fuzzing { targets, seconds, keep, planted }.run(&project)
    }
}
