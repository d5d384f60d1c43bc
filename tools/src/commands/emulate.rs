//! `cargo xtask emulate IMAGE`: episodes of the simulator, controlled by the firmware on the emulated
//! microcontroller; every action is compared with the host's.

use std::path::PathBuf;

use anyhow::Result;
use tools::files::existing;
use tools::firmware::Kernels;
use tools::hil::Hil;
use tools::programs::HostTrainer;
use tools::project::Project;
use tools::setup;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Emulate {
    /// The image
    image: PathBuf,
    /// Number of episodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    episodes: u32,
    /// Seed of the initial states
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Act with the best of this many sampled actions, by the advantages that the model predicts (4, 8, 16)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    best_of: Option<u8>,
    /// With --best-of: act with the mean of all actions, weighted by their advantages at this temperature
    #[arg(long, value_name = "TEMPERATURE", requires = "best_of", value_parser = temperature)]
    softmax: Option<f32>,
    /// With --best-of: evaluate no further action after this many instructions
    #[arg(long, value_name = "INSTRUCTIONS", requires = "best_of", value_parser = clap::value_parser!(u32).range(1..))]
    budget: Option<u32>,
    /// With --best-of: only report the advantages
    #[arg(long, requires = "best_of")]
    telemetry: bool,
    #[command(flatten)]
    kernels: Kernels,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show the firmware's log
    #[arg(short, long)]
    verbose: bool,
    /// Task file to use when the run's own copy is missing
    #[arg(long, value_name = "TOML")]
    task_file: Option<PathBuf>,
}

impl Emulate {
    /// Runs the episodes and prints the report.
    ///
    /// # Errors
    /// One line, which contains the reason that the firmware gave.
    pub(crate) fn run(self) -> Result<()> {
        let project = Project::find()?;
        let image = existing(&self.image)?;
        setup::quietly(&project)?;
        let host = HostTrainer::build(&project)?;
        let task_file = self.task_file.as_deref().map(existing).transpose()?;
        let hil = Hil {
            seed: self.seed,
            verbose: self.verbose,
            task_file: task_file.as_deref(),
            planning: &self.planning(),
            kernels: self.kernels,
            ..Hil::new(&image, self.episodes)
        };
        let (text, report) = hil.run(&project, &host)?;
        if self.json {
            print!("{text}");
        } else {
            println!("{}", report.table());
        }
        Ok(())
    }

    /// The options that are passed on to `host-trainer hil`.
    fn planning(&self) -> Vec<String> {
        let mut planning = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            planning.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
        };
        option("best-of", self.best_of.map(|value| value.to_string()));
        option("softmax", self.softmax.map(|value| value.to_string()));
        option("budget", self.budget.map(|value| value.to_string()));
        planning.extend(self.telemetry.then(|| "--telemetry".to_owned()));
        planning
    }
}

/// Parses a temperature of a softmax.
fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value: &f32| value.is_finite() && *value > 0.0);
    value.ok_or_else(|| "a temperature is a number above 0".to_owned())
}
