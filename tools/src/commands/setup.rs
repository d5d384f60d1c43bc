//! `cargo xtask setup`: installs everything that a build needs.

use anyhow::Result;
use tools::progress::say;
use tools::project::Project;
use tools::setup::system::{self, Removals};
use tools::setup::toolchain::Route;
use tools::setup::{self, Check, Options, Outcome, cuda, torch};

/// What to install.
#[derive(Debug, clap::Args)]
pub(crate) struct Setup {
    /// Where the firmware's compiler comes from [default: rustup, else Debian]
    #[arg(long, value_enum)]
    toolchain: Option<Route>,
    /// Also fetch CUDA's libraries (about 2.5 GB), for `host-trainer train --device cuda`
    #[arg(long)]
    cuda: bool,
    /// Allow apt-get to remove packages that conflict with the ones it installs
    #[arg(long)]
    allow_removals: bool,
}

impl Setup {
    /// Installs what is missing or damaged, and says what is there.
    ///
    /// # Errors
    /// A line for each part that cannot be installed.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let removals = if self.allow_removals { Removals::Allowed } else { Removals::Forbidden };
        let options = Options { route: self.toolchain, removals };
        let mut report = setup::ensure(&project, options, Check::Full)?;
        let mut add = |outcome: Outcome| {
            report.fresh |= outcome.fresh;
            report.present.push(outcome.what);
        };
        match system::ensure_with(&system::OPENGL, removals) {
            Ok(outcome) => add(outcome),
            // Only this command mentions it: most users never render pictures.
            Err(error) => say(format!("only `host-trainer render` needs what follows: {error:#}")),
        }
        if self.cuda {
            add(cuda::ensure(&project)?);
        }
        let present = report.present.join(", ");
        if report.fresh {
            say(format!("set-up is complete ({:.0} s): {present}", report.seconds));
        } else {
            say(format!("set-up was complete already, nothing to do: {present}"));
        }
        if let Some(hint) = torch::cuda_hint(&project).filter(|_| !self.cuda) {
            say(hint);
        }
        Ok(())
    }
}
