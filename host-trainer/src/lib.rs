//! The `host-trainer` program as a library: [`main`] for programs that first register their own tasks or
//! estimators, and [`session`] for runs without a command line.
//!
//! Exit codes: 0 success, 1 failure (one line on standard error names the cause and what to do), 2 invalid
//! arguments, 130 interrupted (the state of the run is saved).

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

/// The old and the new name of a command, where the arguments use the old one.
fn renamed(error: &clap::Error) -> Option<(&'static str, &'static str)> {
    let unknown = error.get(ContextKind::InvalidSubcommand)?.to_string();
    RENAMED.into_iter().find(|(old, _)| *old == unknown)
}

/// Prints why the arguments are refused, or the help or version that was asked for.
fn refused(error: &clap::Error) -> ExitCode {
    if let Some((old, new)) = renamed(error) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_of_all_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_old_name_of_a_command_is_answered_with_the_new_one() {
        let renamed = |line: &[&str]| {
            let line = [&["host-trainer"], line].concat();
            renamed(&Cli::try_parse_from(line).unwrap_err())
        };
        assert_eq!(renamed(&["drive", "policy.daa"]), Some(("drive", "hil")));
        assert_eq!(renamed(&["flash-policy"]), Some(("flash-policy", "upload")));
        assert_eq!(renamed(&["unknown"]), None);
        for (_, new) in RENAMED {
            assert!(Cli::command().find_subcommand(new).is_some());
        }
    }
}
