//! `host-trainer doctor`: checks that the native libraries are installed and compute correctly.

use anyhow::Result;
use daa_envs::output;
use serde::Serialize;
use std::process::ExitCode;
use tch::{Cuda, Device, Kind, Tensor};

/// Check the native libraries
#[derive(clap::Args, Debug)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Results of the checks.
#[derive(Clone, Debug, Serialize)]
struct Diagnosis {
    /// Version of libtorch, which the program has checked.
    pub(crate) torch: &'static str,
    /// Whether a CUDA device can be used.
    pub(crate) cuda: bool,
    /// Number of CUDA devices.
    pub(crate) cuda_devices: i64,
    /// Largest difference of a matrix product from its result in double precision.
    pub(crate) matmul_error: f64,
    /// Version of MuJoCo.
    pub(crate) mujoco: String,
    /// Folder of the task models, or the reason why it is not found.
    pub(crate) models: String,
}

/// Runs the checks.
#[must_use]
fn diagnose() -> Diagnosis {
    let cuda = daa_trainer::nn::select_device("cuda", false).is_ok();
    let a = Tensor::arange(64 * 48, (Kind::Float, Device::Cpu)).view([64, 48]).sin();
    let b = Tensor::arange(48 * 32, (Kind::Float, Device::Cpu)).view([48, 32]).cos();
    let exact = a.to_kind(Kind::Double).matmul(&b.to_kind(Kind::Double));
    let error = (a.matmul(&b).to_kind(Kind::Double) - exact).abs().max().double_value(&[]);
    let models = match daa_envs::suite_dir() {
        Ok(path) => path.display().to_string(),
        Err(error) => error.to_string(),
    };
    Diagnosis {
        torch: env!("TORCH_VERSION"),
        cuda,
        cuda_devices: if cuda { Cuda::device_count() } else { 0 },
        matmul_error: error,
        mujoco: mujoco_rs::mujoco_version().to_owned(),
        models,
    }
}

impl Doctor {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let json = self.json;
        let diagnosis = diagnose();
        if json {
            output::line(serde_json::to_string(&diagnosis)?)?;
        } else {
            output::line(format!(
                "libtorch {}, CUDA {}",
                diagnosis.torch,
                if diagnosis.cuda { "found" } else { "not found" }
            ))?;
            output::line(format!("matrix product: largest error {:.1e}", diagnosis.matmul_error))?;
            output::line(format!("MuJoCo {}, models: {}", diagnosis.mujoco, diagnosis.models))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
