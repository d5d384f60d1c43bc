//! The commands. Each has its file, with a struct of its arguments and the method `run`. To add a command, add its
//! file and its line in [`commands!`] below.

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

/// Declares the module and the variant of every command, in the order of `--help`. The help text of a command is
/// the documentation of its struct.
macro_rules! commands {
    ($($module:ident::$command:ident,)*) => {
        $(mod $module;)*

        /// A command with its arguments.
        #[derive(Subcommand, Debug)]
        pub(crate) enum Command {
            $(#[allow(missing_docs)] $command(Box<$module::$command>),)*
        }

        impl Command {
            /// Runs the command.
            ///
            /// # Errors
            /// One line that names the failure and what to do.
            pub(crate) fn run(self) -> Result<ExitCode> {
                match self {
                    $(Self::$command(command) => command.run(),)*
                }
            }
        }
    };
}

commands! {
    train::Train,
    evaluate::Evaluate,
    render::Render,
    report::Report,
    export::Export,
    import::Import,
    experiment::Experiment,
    sweep::Sweep,
    diagnose::Diagnose,
    inspect::Inspect,
    replay::Replay,
    hil::Hil,
    upload::Upload,
    variance::Variance,
    bench::Bench,
    tasks::Tasks,
    doctor::Doctor,
}
