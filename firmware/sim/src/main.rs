//! `firmware-sim IMAGE…`: a fault campaign on each image.

use anyhow::Result;
use clap::Parser;
use firmware_sim::campaign;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the firmware's control loop against simulated robots and injects faults.
#[derive(Debug, Parser)]
struct Arguments {
    /// Policy images to test
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Episodes for each fault
    #[arg(long, default_value_t = 10)]
    episodes: usize,
    /// Switch off the monitor of prediction errors
    #[arg(long)]
    no_monitor: bool,
    /// Print JSON, one object for each image
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<()> {
    for image in &arguments.images {
        let campaign = campaign::run(image, arguments.episodes, !arguments.no_monitor)?;
        if arguments.json {
            println!("{}", serde_json::to_string(&campaign)?);
        } else {
            println!("{}", campaign.table());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    daa_envs::silence();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
