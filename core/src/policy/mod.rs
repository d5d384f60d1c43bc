//! The policy: from an observation to the commands of the actuators, and a Gaussian around them.
//!
//! `obs = normalise(observation)`, `mean = head(network(obs))`, raw action `u = mean + exp(log_std) * noise`
//! with a standard deviation that does not depend on the state, action `= centre + half_range * clamp(u)`.
//! The [`Head`] of policies of this project's trainer is tanh.
//! The mode is the action without noise. Log-probabilities are those of the raw action, before it is
//! clamped, as in the paper's released code.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observation` | `[OBS]` | in the units of the image's metadata |
//! | `obs` | `[OBS]` | normalised observation |
//! | `mean`, `raw`, `noise`, `log_std` | `[ACT]` | in normalised control, limits -1 and 1 |
//! | `action` | `[ACT]` | in the actuators' units |

mod error;
mod head;
mod limits;
mod network;
#[cfg(test)]
mod tests;

pub use crate::math::gaussian::{entropy, log_prob};
pub use error::PolicyError;
pub use head::Head;
pub use limits::ActionLimits;
pub use network::{DynNetwork, Network, NetworkInner};

use crate::math::normaliser::{Normaliser, NormaliserInner};
use crate::math::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use crate::math::{Activation, Mlp};
use nalgebra::SVector;

/// A policy with sizes `S`: [`Policy`] or [`DynPolicy`]. The weights are borrowed (from flash or memory).
#[derive(Clone, Copy, Debug)]
pub struct PolicyInner<'w, S: Sizes> {
    network: NetworkInner<'w, S>,
    log_std: S::Outputs<'w, f32>,
    normaliser: NormaliserInner<S::Inputs<'w, f32>>,
    limits: S::Outputs<'w, ActionLimits>,
    head: Head,
}

/// A policy whose sizes are known at compile time: the microcontroller's. It holds the small vectors by
/// value.
pub type Policy<'w, const OBS: usize, const HIDDEN: usize, const ACT: usize> =
    PolicyInner<'w, Fixed<OBS, HIDDEN, ACT>>;

/// A policy whose sizes are known only at run time: the workstation's. It borrows the small vectors.
pub type DynPolicy<'w> = PolicyInner<'w, MlpShape>;

impl<'w, S: Sizes> PolicyInner<'w, S> {
    /// The policy with another head.
    #[must_use]
    pub fn with_head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// The network alone, for measurements.
    #[must_use]
    pub fn network(&self) -> &NetworkInner<'w, S> {
        &self.network
    }

    /// The sizes: in the type, or as values.
    #[must_use]
    pub fn sizes(&self) -> S {
        self.network.sizes()
    }

    /// `log_std [ACT]`.
    #[must_use]
    pub fn log_std(&self) -> &[f32] {
        self.log_std.as_ref()
    }

    /// A raw action for a normalised observation, from standard normal `noise`.
    #[must_use]
    pub fn sample(&self, obs: &S::Input, noise: &S::Output) -> S::Output {
        let mut raw = self.gaussian_mean(obs);
        self.add_noise(raw.as_mut_slice(), noise.as_slice());
        raw
    }

    /// `head(network(obs))`: the Gaussian's mean for a normalised observation.
    #[inline]
    fn gaussian_mean(&self, obs: &S::Input) -> S::Output {
        let mut mean = self.network.outputs(obs);
        self.apply_head(mean.as_mut_slice());
        mean
    }

    #[inline]
    fn apply_head(&self, outputs: &mut [f32]) {
        outputs.iter_mut().for_each(|output| *output = self.head.apply(*output));
    }

    fn add_noise(&self, mean: &mut [f32], noise: &[f32]) {
        for ((mean, log_std), noise) in mean.iter_mut().zip(self.log_std.as_ref()).zip(noise) {
            *mean += libm::expf(*log_std) * noise;
        }
    }

    #[inline]
    fn limit(&self, action: &mut [f32]) {
        for (action, limits) in action.iter_mut().zip(self.limits.as_ref()) {
            *action = limits.command(*action);
        }
    }
}

impl<'w, const OBS: usize, const HIDDEN: usize, const ACT: usize> Policy<'w, OBS, HIDDEN, ACT> {
    /// A policy over `weights`: the network's parameters, then `log_std [ACT]`, as in an image.
    ///
    /// # Errors
    /// [`PolicyError`] when sizes do not fit or statistics cannot be used.
    pub fn new(
        weights: &'w [f32],
        activation: Activation,
        mean: SVector<f32, OBS>,
        std: &SVector<f32, OBS>,
        clip: f32,
        limits: [ActionLimits; ACT],
    ) -> Result<Self, PolicyError> {
        let params = Mlp::<OBS, HIDDEN, ACT>::PARAMS;
        let (network, log_std) = weights.split_at_checked(params).unwrap_or((weights, &[]));
        let network = Network::Float(Mlp::new(network, activation)?);
        Self::with_network(network, log_std, mean, std, clip, limits)
    }

    /// A policy over a network.
    ///
    /// # Errors
    /// [`PolicyError`] when sizes do not fit or statistics cannot be used.
    pub fn with_network(
        network: Network<'w, OBS, HIDDEN, ACT>,
        log_std: &[f32],
        mean: SVector<f32, OBS>,
        std: &SVector<f32, OBS>,
        clip: f32,
        limits: [ActionLimits; ACT],
    ) -> Result<Self, PolicyError> {
        let log_std = <[f32; ACT]>::try_from(log_std).map_err(|_| PolicyError::WrongActionCount)?;
        let normaliser = NormaliserInner::fixed(mean.into(), std.as_slice(), clip)?;
        Ok(Self { network, log_std, normaliser, limits, head: Head::Squash })
    }

    /// The normalised observation. Never panics.
    #[must_use]
    #[inline]
    pub fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS> {
        let mut obs = SVector::<f32, OBS>::zeros();
        self.normaliser.normalise(observation.as_slice(), obs.as_mut_slice());
        obs
    }

    /// `head(network(obs))`: the Gaussian's mean for a normalised observation.
    #[must_use]
    #[inline]
    pub fn mean(&self, obs: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.gaussian_mean(obs)
    }

    /// The most probable action, in the actuators' units: what a controller does.
    #[must_use]
    #[inline]
    pub fn mode(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.command(&self.mean(&self.normalise(observation)))
    }

    /// The actuators' commands for a raw action.
    #[must_use]
    #[inline]
    pub fn command(&self, raw: &SVector<f32, ACT>) -> SVector<f32, ACT> {
        let mut command = *raw;
        self.limit(command.as_mut_slice());
        command
    }
}

impl<'w> DynPolicy<'w> {
    /// A policy over borrowed parts.
    ///
    /// # Errors
    /// [`PolicyError::WrongActionCount`] when `log_std` or `limits` does not have one element for
    /// each output of the network.
    pub fn new(
        network: impl Into<DynNetwork<'w>>,
        log_std: &'w [f32],
        normaliser: Normaliser<'w>,
        limits: &'w [ActionLimits],
    ) -> Result<Self, PolicyError> {
        let network = network.into();
        let actions = network.sizes().output;
        if log_std.len() != actions || limits.len() != actions {
            return Err(PolicyError::WrongActionCount);
        }
        Ok(Self { network, log_std, normaliser, limits, head: Head::Squash })
    }

    /// Elements of scratch that [`mean`](Self::mean) and [`mode`](Self::mode) need.
    #[must_use]
    pub fn scratch_len(&self) -> usize {
        self.sizes().input + self.network.scratch_len()
    }

    /// Writes the Gaussian's mean for a raw `observation` into `mean`.
    ///
    /// # Panics
    /// When `scratch` is shorter than [`scratch_len`](Self::scratch_len).
    pub fn mean(&self, observation: &[f32], scratch: &mut [f32], mean: &mut [f32]) {
        let (obs, hidden) = scratch.split_at_mut(self.sizes().input);
        self.normaliser.normalise(observation, obs);
        self.network.forward(obs, hidden, mean);
        self.apply_head(mean);
    }

    /// Writes the most probable action, in the actuators' units, into `action`.
    ///
    /// # Panics
    /// As [`mean`](Self::mean).
    pub fn mode(&self, observation: &[f32], scratch: &mut [f32], action: &mut [f32]) {
        self.mean(observation, scratch, action);
        self.command(action);
    }

    /// Turns `mean` into a raw action by adding `exp(log_std) * noise`.
    pub fn perturb(&self, mean: &mut [f32], noise: &[f32]) {
        self.add_noise(mean, noise);
    }

    /// Turns a raw action into the actuators' commands.
    pub fn command(&self, action: &mut [f32]) {
        self.limit(action);
    }
}
