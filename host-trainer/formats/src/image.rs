//! An image file on the workstation, and the policy in it.

use anyhow::{Context, Result, bail};
use daa_core::image::Image;
use daa_envs::agent::Agent;
use daa_envs::{Task, files};
use std::path::Path;

/// Bytes of an image file, aligned so that weights can be used in place.
#[derive(Clone, Debug)]
pub struct AlignedImage {
    words: Vec<u32>,
    len: usize,
}

/// No image that a header could declare for networks of the largest sizes is larger.
const LARGEST_FILE: u64 = 512 << 20;

impl AlignedImage {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is far too large.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path, LARGEST_FILE)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::copy(&bytes))
    }

    /// Copies bytes to where they are aligned.
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

    /// The image in them.
    ///
    /// # Errors
    /// [`daa_core::image::ImageError`].
    pub fn open(&self) -> Result<Image<'_>, daa_core::image::ImageError> {
        Image::open(self.bytes())
    }
}

/// The policy of an image, to act with on the workstation.
#[must_use]
pub fn agent_of(image: &Image<'_>) -> Agent {
    let passport = image.passport();
    let scale = daa_envs::running_stats::ObservationScale {
        mean: passport.observations.iter().map(|signal| signal.mean).collect(),
        std: passport.observations.iter().map(|signal| signal.deviation).collect(),
        inverse_std: passport.observations.iter().map(|signal| 1.0 / signal.deviation).collect(),
        clip: passport.observation_clip,
    };
    let architecture = image.architecture();
    let weights = image.policy_weights().to_vec();
    let mut agent =
        Agent::new(architecture.policy(), architecture.policy_activation, weights, scale);
    agent.weight_type = architecture.policy_weights;
    agent.head = architecture.policy_head;
    agent.limits = passport
        .actions
        .iter()
        .map(|signal| daa_core::policy::ActionLimits { low: signal.low, high: signal.high })
        .collect();
    agent
}

/// Control steps of one decision: the image's period in the task's.
///
/// # Errors
/// When the period is not a whole number of them, or signals differ in number.
pub fn action_repeat(image: &Image<'_>, task: &Task) -> Result<u32> {
    let passport = image.passport();
    let step = task.control_timestep() * 1e6;
    let repeat = (f64::from(passport.control_period_us) / step).round();
    if repeat < 1.0 || (repeat * step - f64::from(passport.control_period_us)).abs() > 1.0 {
        bail!(
            "the image's period of {} us is no multiple of the task's {step} us",
            passport.control_period_us
        );
    }
    if passport.observations.len() != task.observations.len()
        || passport.actions.len() != task.actions.len()
    {
        bail!("the image's signals are not those of {}", task.name);
    }
    Ok(repeat as u32)
}
