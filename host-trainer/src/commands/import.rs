//! `host-trainer import`.

use anyhow::Result;
use daa_core::Activation;
use daa_core::policy::Head;
use daa_envs::output;
use daa_formats::import::{Options, Units, import};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make an image of a policy of Stable-Baselines3 or CleanRL: safetensors or ONNX
#[derive(clap::Args, Debug)]
pub(crate) struct Import {
    /// Safetensors or ONNX file of the policy
    file: PathBuf,
    /// Task that the policy was trained for
    #[arg(long, value_name = "TASK")]
    task: String,
    /// File of the image; default: beside the policy's file, as .daa
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Statistics of the observations (VecNormalize, NormalizeObservation): JSON or safetensors;
    /// default: the statistics in the policy's file, if it has any
    #[arg(long, value_name = "FILE")]
    normaliser: Option<PathBuf>,
    /// Largest magnitude of a normalised observation; default: the clip of the statistics, else 10
    #[arg(long, value_name = "NUMBER", requires = "normaliser")]
    clip_obs: Option<f64>,
    /// Activation of the hidden layers: relu, leaky_relu, tanh or silu; default: the one of the program that
    /// wrote the file
    #[arg(long, value_name = "NAME", value_parser = activation)]
    activation: Option<Activation>,
    /// Function after the last layer: squash (tanh) or clip; default: the one of the algorithm
    #[arg(long, value_name = "NAME", value_parser = head)]
    head: Option<Head>,
    /// Units of the policy's actions
    #[arg(long, value_enum, default_value_t)]
    actions: Units,
    /// Index, from 0, of the task's observation for each input of the policy; default: the order of the task
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    observation_order: Option<Vec<usize>>,
    /// Control steps for which the policy holds an action
    #[arg(long, value_name = "STEPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    action_repeat: u32,
    /// Output of the ONNX file that is the action; default: its first output
    #[arg(long, value_name = "NAME")]
    onnx_output: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn activation(name: &str) -> Result<Activation, String> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| "one of relu, leaky_relu, tanh, silu".to_owned())
}

fn head(name: &str) -> Result<Head, String> {
    match name {
        "squash" => Ok(Head::Squash),
        "clip" => Ok(Head::Clip),
        _ => Err("squash or clip".to_owned()),
    }
}

impl Import {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let imported = import(&Options {
            file: self.file,
            task: self.task,
            output: self.output,
            normaliser: self.normaliser,
            clip_obs: self.clip_obs,
            activation: self.activation,
            head: self.head,
            actions: self.actions,
            observation_order: self.observation_order,
            action_repeat: self.action_repeat,
            onnx_output: self.onnx_output,
        })?;
        if self.json {
            output::line(serde_json::to_string(&imported)?)?;
        } else {
            output::line(imported)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
