//! `cargo xtask bench mcu`: the cost of networks on the microcontroller, ours and other libraries'.

use anyhow::Result;
use tools::project::Project;
use tools::{bench, setup};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Count instructions and model cycles of whole networks, ours and other libraries'
    Mcu {
        /// Only print: leave docs/benchmarks-mcu.md and docs/benchmarks/*.csv as they are
        #[arg(long)]
        dry: bool,
    },
}

impl Bench {
    /// Measures, and writes page and CSV files.
    ///
    /// # Errors
    /// When a program does not build, fails in the emulator, or computes other outputs than it should.
    pub(crate) fn run(self) -> Result<()> {
        let What::Mcu { dry } = self.what;
        let project = Project::find()?;
        setup::quietly(&project)?;
        bench::microcontroller(&project, dry)
    }
}
