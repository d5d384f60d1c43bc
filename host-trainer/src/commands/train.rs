//! `host-trainer train`.

use crate::session::{Begun, Ending, Options, Resume, Session};
use anyhow::{Result, bail};
use daa_envs::output;
use daa_trainer::config;
use daa_trainer::run::sinks::progress::Show;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Train a policy and export its image; without arguments, the preset quickstart
#[derive(clap::Args, Debug)]
#[command(after_long_help = config::run_help(), after_help = "--help lists the keys of --set.")]
pub(crate) struct Train {
    #[command(flatten)]
    config: config::Arguments,
    /// Run directory; default: a new directory below runs/
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Resume this run with its recorded configuration; auto: resume an unfinished run with this configuration;
    /// never: resume none. Default: resume the run in --run-dir if it has this configuration
    #[arg(long, value_name = "RUN|auto|never")]
    resume: Option<PathBuf>,
    /// Seconds between two checkpoints; 0: after every iteration. The results do not depend on it
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    checkpoint_every: u64,
    /// Seconds to wait while another process uses the run directory
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_for_lock: u64,
    /// Print a JSON object after every iteration, and a last one with the results
    #[arg(long)]
    json: bool,
    /// Print only errors
    #[arg(short, long)]
    quiet: bool,
}

impl Train {
    /// Trains.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let args = &self;
        let show = match (args.json, args.quiet) {
            (true, _) => Show::Json,
            (false, true) => Show::Nothing,
            (false, false) => Show::Human,
        };
        let options = Options {
            show,
            checkpoint_every: Duration::from_secs(args.checkpoint_every),
            wait_for_lock: Duration::from_secs(args.wait_for_lock),
        };
        let resume = match args.resume.as_deref().map(|run| (run, run.to_str())) {
            None => Resume::Here,
            Some((_, Some("auto"))) => Resume::Auto,
            Some((_, Some("never"))) => Resume::Never,
            Some((run, _)) => {
                if args.run_dir.is_some() || !args.config.is_empty() {
                    bail!(
                        "--resume {} uses the recorded configuration of the run: leave out the other options, or name the run with --run-dir",
                        run.display()
                    );
                }
                return finish(Session::resume(run, options)?, show);
            }
        };
        let config = args.config.resolve()?;
        finish(Session::begin(config, args.run_dir.as_deref(), &resume, options)?, show)
    }
}

fn finish(begun: Begun, show: Show) -> Result<ExitCode> {
    let session = match begun {
        Begun::Session(session) => session,
        Begun::Finished(summary) => {
            match show {
                Show::Json => output::line(summary)?,
                Show::Human => eprintln!("this run is finished: evaluate, render or export it"),
                Show::Nothing => {}
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    match session.run()? {
        Ending::Finished => Ok(ExitCode::SUCCESS),
        Ending::Interrupted => Ok(ExitCode::from(130)),
    }
}
