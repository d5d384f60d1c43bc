//! Statistics of observations of an imported policy: from Stable-Baselines3's `VecNormalize`, Gymnasium's
//! `NormalizeObservation`, or this program.
//!
//! `normalised = clamp((observation - mean) / sqrt(var + epsilon), -clip, clip)`

use super::tensors::File;
use crate::steps::Step;
use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Default of both programs.
const EPSILON: f64 = 1e-8;
/// Default of both programs.
const CLIP: f64 = 10.0;

/// Statistics of observations.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statistics {
    mean: Vec<f64>,
    std: Vec<f64>,
    clip: f64,
}

/// JSON of statistics; the moments may be in the object `obs_rms`, as in `VecNormalize`.
#[derive(Debug, Deserialize)]
struct Json {
    #[serde(flatten)]
    flat: Moments,
    obs_rms: Option<Moments>,
    #[serde(alias = "clip")]
    clip_obs: Option<f64>,
    epsilon: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
struct Moments {
    mean: Option<Vec<f64>>,
    var: Option<Vec<f64>>,
}

impl Statistics {
    fn new(mean: Vec<f64>, var: &[f64], epsilon: Option<f64>, clip: Option<f64>) -> Result<Self> {
        let epsilon = epsilon.unwrap_or(EPSILON);
        let std: Vec<f64> = var.iter().map(|var| (var + epsilon).sqrt()).collect();
        Self::of(mean, std, clip.unwrap_or(CLIP))
    }

    fn of(mean: Vec<f64>, std: Vec<f64>, clip: f64) -> Result<Self> {
        if mean.len() != std.len() {
            bail!("{} means, but {} variances", mean.len(), std.len());
        }
        let usable = |std: &f64| std.is_finite() && *std > 0.0;
        if let Some(i) = std.iter().position(|std| !usable(std)) {
            bail!("the variance of observation {i} is not positive and finite");
        }
        if let Some(i) = mean.iter().position(|mean| !mean.is_finite()) {
            bail!("the mean of observation {i} is not finite");
        }
        Ok(Self { mean, std, clip })
    }

    /// Reads a JSON or safetensors file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.first().is_some_and(|byte| *byte == b'{' || byte.is_ascii_whitespace()) {
            let json: Json =
                serde_json::from_slice(bytes).context("the file is not JSON of statistics")?;
            let moments = json.obs_rms.unwrap_or(json.flat);
            let (Some(mean), Some(var)) = (moments.mean, moments.var) else {
                bail!("there is no mean and var: write {{\"mean\": […], \"var\": […]}}");
            };
            return Self::new(mean, &var, json.epsilon, json.clip_obs);
        }
        Self::in_file(&File::read(bytes)?)?
            .context("there are no tensors obs_rms.mean and obs_rms.var (or mean and var)")
    }

    /// The statistics among the tensors of a file; none where the file has none.
    pub(super) fn in_file(file: &File<'_>) -> Result<Option<Self>> {
        let one = |name: &str| -> Result<Option<f64>> {
            Ok(file.vector(name)?.and_then(|values| values.first().copied()))
        };
        let ours = ("observation.mean", "observation.deviation");
        if let (Some(mean), Some(std)) = (file.vector(ours.0)?, file.vector(ours.1)?) {
            let clip = one("observation.clip")?.unwrap_or(CLIP);
            return Self::of(mean, std, clip).map(Some);
        }
        for prefix in ["obs_rms.", ""] {
            let (mean, var) = (format!("{prefix}mean"), format!("{prefix}var"));
            if let (Some(mean), Some(var)) = (file.vector(&mean)?, file.vector(&var)?) {
                return Self::new(mean, &var, one("epsilon")?, one("clip_obs")?).map(Some);
            }
        }
        Ok(None)
    }

    /// The same statistics with another clip.
    pub(super) fn clipped_at(self, clip: Option<f64>) -> Self {
        Self { clip: clip.unwrap_or(self.clip), ..self }
    }

    /// Number of observations.
    pub(super) fn len(&self) -> usize {
        self.mean.len()
    }

    /// The steps of the normalisation. The numbers are rounded to single precision as in the image.
    pub(super) fn steps(&self) -> [Step; 3] {
        [
            Step::Shift(self.mean.iter().map(|mean| -f64::from(*mean as f32)).collect()),
            Step::Divide(self.std.iter().map(|d| f64::from(*d as f32)).collect()),
            Step::Clamp { low: vec![-self.clip], high: vec![self.clip] },
        ]
    }
}
