//! The `host-trainer` program as a library: [`main`] for programs that register tasks or estimators of their
//! own first, and [`session`] for runs without a command line.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why and what to do), 2 arguments not
//! understood, 130 interrupted (what was reached is saved).

mod commands;
pub mod parts;
pub mod session;

use anyhow::Result;
use clap::Parser;
use clap::error::ContextKind;
use daa_trainer::nn;
use std::path::PathBuf;
use std::process::ExitCode;

/// Trains all-action policy gradients (DAA-PPO) on the DeepMind Control Suite and exports policies
/// for microcontrollers.
#[derive(Parser, Debug)]
#[command(name = "host-trainer", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
    /// Task file to use when the run's own copy is missing
    #[arg(long, global = true, value_name = "TOML", hide_short_help = true)]
    task_file: Vec<PathBuf>,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    nn::keep_freed_memory();
    nn::use_one_thread();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Commands of older versions: the old name and the new one.
const RENAMED: [(&str, &str); 2] = [("drive", "hil"), ("flash-policy", "upload")];

/// Exit code of arguments that are not understood.
const USAGE: u8 = 2;

/// Prints why the arguments are refused, or the help or version that was asked for.
fn refused(error: &clap::Error) -> ExitCode {
    let unknown = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    let renamed = RENAMED.iter().find(|(old, _)| unknown.as_deref() == Some(old));
    if let Some((old, new)) = renamed {
        eprintln!("error: the command {old} is now {new}: host-trainer {new} --help");
        return ExitCode::from(USAGE);
    }
    // A closed pipe is not an error of the arguments.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

fn run(cli: Cli) -> Result<ExitCode> {
    if let Some(error) = nn::torch_version_error() {
        anyhow::bail!(error);
    }
    for file in &cli.task_file {
        let _ = daa_envs::load(file)?;
    }
    cli.command.run()
}
