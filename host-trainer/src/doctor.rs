//! Whether the native libraries are there and compute.

use serde::Serialize;
use tch::{Cuda, Device, Kind, Tensor};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Version of libtorch that this program is made for, and has checked.
    pub torch: &'static str,
    /// Whether a CUDA device can be used.
    pub cuda: bool,
    /// Number of CUDA devices.
    pub cuda_devices: i64,
    /// Largest error of one matrix product against sums in double precision.
    pub matmul_error: f64,
    /// Version of MuJoCo.
    pub mujoco: String,
    /// Where the task models are, or what is wrong with them.
    pub models: String,
}

/// Looks.
#[must_use]
pub fn diagnose() -> Diagnosis {
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
