//! Image files on the workstation, and the policies in them.

use anyhow::{Context, Result, bail};
use daa_core::image::Image;
use daa_envs::agent::Agent;
use daa_envs::{Task, files};
use std::path::Path;

/// Bytes of an image file, aligned such that weights can be used in place.
#[derive(Clone, Debug)]
pub struct AlignedImage {
    words: Vec<u32>,
    len: usize,
}

/// Largest file in bytes: more than an image with networks of the largest sizes.
const LARGEST_FILE: u64 = 512 << 20;

impl AlignedImage {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read or is too large.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path, LARGEST_FILE)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::copy(&bytes))
    }

    /// Copies bytes into an aligned buffer.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        let mut words = vec![0u32; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// The checked image.
    ///
    /// # Errors
    /// [`daa_core::image::ImageError`].
    pub fn open(&self) -> Result<Image<'_>, daa_core::image::ImageError> {
        Image::open(self.bytes())
    }
}

/// The policy of an image as an agent on the workstation.
#[must_use]
pub fn agent_of(image: &Image<'_>) -> Agent {
    let metadata = image.metadata();
    let scale = daa_envs::running_stats::ObservationScale {
        mean: metadata.observations.iter().map(|signal| signal.mean).collect(),
        std: metadata.observations.iter().map(|signal| signal.deviation).collect(),
        inverse_std: metadata.observations.iter().map(|signal| 1.0 / signal.deviation).collect(),
        clip: metadata.observation_clip,
    };
    let architecture = image.architecture();
    let weights = image.policy_weights().to_vec();
    let mut agent =
        Agent::new(architecture.policy(), architecture.policy_activation, weights, scale);
    agent.weight_type = architecture.policy_weights;
    agent.head = architecture.policy_head;
    agent.limits = metadata
        .actions
        .iter()
        .map(|signal| daa_core::policy::ActionLimits { low: signal.low, high: signal.high })
        .collect();
    agent
}

/// Control steps of one decision: the period of the image divided by the control timestep of the task.
///
/// # Errors
/// When the period is not a multiple of the timestep, or the numbers of signals differ.
pub fn action_repeat(image: &Image<'_>, task: &Task) -> Result<u32> {
    let metadata = image.metadata();
    let step = task.control_timestep() * 1e6;
    let repeat = (f64::from(metadata.control_period_us) / step).round();
    if repeat < 1.0 || (repeat * step - f64::from(metadata.control_period_us)).abs() > 1.0 {
        bail!(
            "the control period of the image, {} us, is not a multiple of the control timestep of the task, {step} us",
            metadata.control_period_us
        );
    }
    if metadata.observations.len() != task.observations.len()
        || metadata.actions.len() != task.actions.len()
    {
        bail!("the image's signals are not those of {}", task.name);
    }
    Ok(repeat as u32)
}
