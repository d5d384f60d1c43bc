//! `host-trainer upload`.

use anyhow::Result;
use daa_device::upload;
use daa_envs::output;
use std::path::PathBuf;
use std::process::ExitCode;

/// Send a new image to a microcontroller, into the slot whose policy does not act
#[derive(clap::Args, Debug)]
pub(crate) struct Upload {
    /// Image
    image: PathBuf,
    /// FIFO or serial port that takes requests
    #[arg(long, value_name = "PATH")]
    request: PathBuf,
    /// FIFO or serial port that gives replies
    #[arg(long, value_name = "PATH")]
    reply: PathBuf,
    /// Disarm the controller first, which makes the actuators safe
    #[arg(long)]
    disarm: bool,
    /// Switch an emulated microcontroller off afterwards
    #[arg(long)]
    goodbye: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Upload {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let args = &self;
        let options = upload::Options {
            image: args.image.clone(),
            request: args.request.clone(),
            reply: args.reply.clone(),
            disarm: args.disarm,
            goodbye: args.goodbye,
        };
        let bar = indicatif::ProgressBar::new(0);
        let report = upload::upload(&options, |received, len| {
            bar.set_length(u64::from(len));
            bar.set_position(u64::from(received));
        })?;
        bar.finish_and_clear();
        if args.json {
            output::line(serde_json::to_string(&report)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if report.reset.is_crash() {
            output::line(format!("the microcontroller was last started by {}", report.reset))?;
        }
        output::line(format!(
            "image {:08x} runs in shadow beside {:08x}: {} bytes sent, {} were there",
            report.image,
            report.policies.acting,
            report.bytes - report.resumed_at,
            report.resumed_at
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
