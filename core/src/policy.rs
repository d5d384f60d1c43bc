//! The whole map from observation to actuators, and the Gaussian around it.
//!
//! `z = normalise(observation)`, `mean = head(mlp(z))`, raw action `u = mean + exp(log_std) * noise`
//! with a deviation that does not depend on the state, action `= centre + half_range * clamp(u)`.
//! The [`Head`] of policies that were trained here is tanh.
//! The mode is the action without noise. Log-probabilities are those of the raw action, before it is
//! clamped, as in the paper's released code.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observation` | `[OBS]` | in the units of the passport |
//! | `z` | `[OBS]` | normalised observation |
//! | `mean`, `raw`, `noise`, `log_std` | `[ACT]` | in normalised control, limits -1 and 1 |
//! | `action` | `[ACT]` | in the actuators' units |

use crate::guard::limit;
use crate::integer::{DynIntegerMlp, IntegerError, IntegerMlpInner};
use crate::mlp::{MlpError, MlpInner};
use crate::normaliser::{NormaliserError, NormaliserInner};
use crate::sizes::{Fixed, MlpShape, Sizes, Vector as _};
use crate::{Activation, Mlp, Normaliser};
use core::f32::consts::PI;
use nalgebra::SVector;

/// `ln N(raw; mean, exp(log_std))`, summed over the action's dimensions (a diagonal Gaussian).
///
/// ```
/// use daa_core::policy::log_prob;
/// // One deviation from the mean, deviation 2: -1/2 - ln 2 - ln(2 pi)/2.
/// let expected = -0.5 - 2f32.ln() - 0.5 * (2.0 * core::f32::consts::PI).ln();
/// assert!((log_prob(&[3.0], &[1.0], &[2f32.ln()]) - expected).abs() < 1e-6);
/// ```
#[must_use]
pub fn log_prob(raw: &[f32], mean: &[f32], log_std: &[f32]) -> f32 {
    raw.iter().zip(mean).zip(log_std).fold(0.0, |sum, ((raw, mean), log_std)| {
        let deviations = (raw - mean) * libm::expf(-log_std);
        sum - 0.5 * deviations * deviations - log_std - 0.5 * libm::logf(2.0 * PI)
    })
}

/// Differential entropy of the Gaussian, in nats: `sum (log_std + (1 + ln 2 pi) / 2)`.
///
/// ```
/// use daa_core::policy::entropy;
/// assert!((entropy(&[0.0]) - 1.418_938_5).abs() < 1e-6);
/// ```
#[must_use]
pub fn entropy(log_std: &[f32]) -> f32 {
    log_std.iter().fold(0.0, |sum, log_std| sum + log_std + 0.5 * (1.0 + libm::logf(2.0 * PI)))
}

/// Limits of one actuator, in its own units.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ActionLimits {
    /// Smallest command.
    pub low: f32,
    /// Largest command.
    pub high: f32,
}

impl ActionLimits {
    /// The actuator's command for a raw action: -1 is `low`, 1 is `high`, beyond is clamped.
    ///
    /// ```
    /// use daa_core::policy::ActionLimits;
    /// let rotor = ActionLimits { low: 0.0, high: 8.0 };
    /// assert_eq!([-1.0, 0.0, 0.5, 7.0].map(|u| rotor.command(u)), [0.0, 4.0, 6.0, 8.0]);
    /// ```
    #[must_use]
    #[inline]
    pub fn command(self, raw: f32) -> f32 {
        let (centre, half_range) = (0.5 * (self.low + self.high), 0.5 * (self.high - self.low));
        limit(centre + half_range * limit(raw, -1.0, 1.0), self.low, self.high)
    }
}

/// The function behind the network's last layer.
///
/// The discriminants are part of the image format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Head {
    /// Hyperbolic tangent by `libm::tanhf`: what the trainer trains.
    #[default]
    Squash = 0,
    /// None: outputs beyond the limits are cut off, as Stable-Baselines3 and CleanRL do in their PPO.
    Clip = 1,
}

impl Head {
    /// The head with this number in an image, or `None` for an unknown one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Squash),
            1 => Some(Self::Clip),
            _ => None,
        }
    }

    /// The function of one output.
    ///
    /// ```
    /// use daa_core::policy::Head;
    /// assert_eq!([Head::Squash, Head::Clip].map(|head| head.apply(40.0)), [1.0, 40.0]);
    /// ```
    #[must_use]
    #[inline]
    pub fn apply(self, output: f32) -> f32 {
        match self {
            Self::Squash => libm::tanhf(output),
            Self::Clip => output,
        }
    }
}

/// Why a policy cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PolicyError {
    /// The weights do not fit the shape.
    Mlp(MlpError),
    /// The integer weights cannot be used.
    Integer(IntegerError),
    /// The observation statistics cannot be used.
    Normaliser(NormaliserError),
    /// Not one deviation and one pair of limits for each action.
    WrongActionCount,
}

impl core::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mlp(error) => error.fmt(f),
            Self::Integer(error) => error.fmt(f),
            Self::Normaliser(error) => error.fmt(f),
            Self::WrongActionCount => {
                write!(f, "a policy needs one deviation and one pair of limits for each action")
            }
        }
    }
}

impl core::error::Error for PolicyError {}

impl From<MlpError> for PolicyError {
    fn from(error: MlpError) -> Self {
        Self::Mlp(error)
    }
}

impl From<IntegerError> for PolicyError {
    fn from(error: IntegerError) -> Self {
        Self::Integer(error)
    }
}

impl From<NormaliserError> for PolicyError {
    fn from(error: NormaliserError) -> Self {
        Self::Normaliser(error)
    }
}

/// A policy's network with sizes `S`, with weights of either kind: [`Network`] or [`DynNetwork`].
#[derive(Clone, Copy, Debug)]
pub enum NetworkInner<'w, S> {
    /// Float weights, with the trainer's bits.
    Float(MlpInner<'w, S>),
    /// Integer weights, quantised from the float weights to save flash and time.
    Integer(IntegerMlpInner<'w, S>),
}

/// A policy's network whose sizes are known at compile time.
pub type Network<'w, const OBS: usize, const HIDDEN: usize, const ACT: usize> =
    NetworkInner<'w, Fixed<OBS, HIDDEN, ACT>>;

/// A policy's network whose sizes are known only at run time.
pub type DynNetwork<'w> = NetworkInner<'w, MlpShape>;

impl<'w, S> From<MlpInner<'w, S>> for NetworkInner<'w, S> {
    fn from(network: MlpInner<'w, S>) -> Self {
        Self::Float(network)
    }
}

impl<'w, S> From<IntegerMlpInner<'w, S>> for NetworkInner<'w, S> {
    fn from(network: IntegerMlpInner<'w, S>) -> Self {
        Self::Integer(network)
    }
}

impl<S: Sizes> NetworkInner<'_, S> {
    /// The outputs for one normalised observation. Never panics.
    #[must_use]
    #[inline]
    pub fn outputs(&self, obs: &S::Input) -> S::Output {
        match self {
            Self::Float(network) => network.outputs(obs),
            Self::Integer(network) => network.outputs(obs),
        }
    }

    fn sizes(&self) -> S {
        match self {
            Self::Float(network) => network.sizes(),
            Self::Integer(network) => network.sizes(),
        }
    }
}

impl<const OBS: usize, const HIDDEN: usize, const ACT: usize> Network<'_, OBS, HIDDEN, ACT> {
    /// The outputs for one normalised observation. Never panics.
    #[must_use]
    #[inline]
    pub fn forward(&self, obs: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        match self {
            Self::Float(network) => network.forward(obs),
            Self::Integer(network) => network.forward(obs),
        }
    }
}

impl DynNetwork<'_> {
    fn scratch_len(&self) -> usize {
        match self {
            Self::Float(network) => 2 * network.shape().hidden,
            Self::Integer(network) => DynIntegerMlp::scratch_words(network.shape()),
        }
    }

    fn forward(&self, obs: &[f32], scratch: &mut [f32], y: &mut [f32]) {
        match self {
            Self::Float(network) => network.forward(obs, scratch, y),
            Self::Integer(network) => network.forward(obs, bytemuck::cast_slice_mut(scratch), y),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DynMlp;
    use std::vec::Vec;

    const LIMITS: [ActionLimits; 2] =
        [ActionLimits { low: -1.0, high: 1.0 }, ActionLimits { low: 0.0, high: 0.6 }];

    fn weights() -> Vec<f32> {
        (0..Mlp::<3, 5, 2>::PARAMS + 2).map(|i| libm::sinf(i as f32)).collect()
    }

    #[test]
    fn both_forms_choose_the_same_bits() {
        let weights = weights();
        let (mean, deviation) = (SVector::from([0.1, -2.0, 0.0]), SVector::from([0.3, 4.0, 1.0]));
        let fixed =
            Policy::<3, 5, 2>::new(&weights, Activation::Tanh, mean, &deviation, 5.0, LIMITS)
                .unwrap();
        let (network, log_std) = weights.split_at(Mlp::<3, 5, 2>::PARAMS);
        let mut inverse = [0.0; 3];
        let slice = DynPolicy::new(
            DynMlp::new(Mlp::<3, 5, 2>::SHAPE, network, Activation::Tanh).unwrap(),
            log_std,
            Normaliser::new(mean.as_slice(), deviation.as_slice(), 5.0, &mut inverse).unwrap(),
            &LIMITS,
        )
        .unwrap();
        let observation = SVector::from([0.7, -30.0, 2.5]);
        let mut scratch = std::vec![0.0; slice.scratch_len()];
        let mut action = [0.0; 2];
        slice.mode(observation.as_slice(), &mut scratch, &mut action);
        assert_eq!(fixed.mode(&observation).as_slice(), action);

        let noise = SVector::from([0.4, -1.1]);
        let raw = fixed.sample(&fixed.normalise(&observation), &noise);
        slice.mean(observation.as_slice(), &mut scratch, &mut action);
        slice.perturb(&mut action, noise.as_slice());
        assert_eq!(raw.as_slice(), action);
    }

    #[test]
    fn without_a_tanh_the_outputs_are_cut_off_at_the_limits() {
        // One input, one hidden unit, two outputs: y = [h, -h] with h = relu(relu(x)).
        let weights = [1.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0];
        let (mean, deviation) = (SVector::zeros(), SVector::from([1.0]));
        let tanh =
            Policy::<1, 1, 2>::new(&weights, Activation::Relu, mean, &deviation, 9.0, LIMITS)
                .unwrap();
        let clip = tanh.clone().with_head(Head::Clip);
        // Limits -1..1 and 0..0.6: -0.5 is a quarter of the way, 0.15.
        let half = SVector::from([0.5]);
        assert_eq!(clip.mode(&half), SVector::from([0.5, 0.3 + 0.3 * -0.5]));
        assert_eq!(clip.mode(&SVector::from([3.0])), SVector::from([1.0, 0.0]));
        assert!((tanh.mode(&half)[0] - 0.462_117).abs() < 1e-6);
        let mut inverse = [0.0];
        let slice = DynPolicy::new(
            DynMlp::new(Mlp::<1, 1, 2>::SHAPE, &weights[..8], Activation::Relu).unwrap(),
            &weights[8..],
            Normaliser::new(&[0.0], &[1.0], 9.0, &mut inverse).unwrap(),
            &LIMITS,
        )
        .unwrap()
        .with_head(Head::Clip);
        let (mut scratch, mut action) = (std::vec![0.0; slice.scratch_len()], [0.0; 2]);
        slice.mode(&[0.5], &mut scratch, &mut action);
        assert_eq!(clip.mode(&half).as_slice(), action);
    }

    #[test]
    fn the_clip_reaches_the_network() {
        let weights = weights();
        let policy = |clip| {
            let (mean, deviation) = (SVector::zeros(), SVector::from([1.0; 3]));
            Policy::<3, 5, 2>::new(&weights, Activation::Tanh, mean, &deviation, clip, LIMITS)
                .unwrap()
        };
        let (small, large) = (SVector::from([2.0, 0.0, 0.0]), SVector::from([200.0, 0.0, 0.0]));
        assert_eq!(policy(2.0).mode(&small), policy(2.0).mode(&large));
        assert_ne!(policy(3.0).mode(&small), policy(3.0).mode(&large));
    }

    #[test]
    fn wrong_sizes_are_refused() {
        let weights = weights();
        let build = |weights| {
            let ones = SVector::from([1.0; 3]);
            Policy::<3, 5, 2>::new(weights, Activation::Relu, ones, &ones, 1.0, LIMITS).map(|_| ())
        };
        assert_eq!(build(&weights), Ok(()));
        assert_eq!(build(&weights[..weights.len() - 1]), Err(PolicyError::WrongActionCount));
        assert!(matches!(build(&weights[..9]), Err(PolicyError::Mlp(_))));
    }

    #[test]
    fn log_probability_integrates_to_one_and_entropy_is_its_expectation() {
        let (mean, log_std) = ([0.3], [-0.7]);
        let (mut mass, mut expectation) = (0.0f64, 0.0f64);
        for i in -4000..4000 {
            let log_p = f64::from(log_prob(&[i as f32 * 1e-3 + 0.3], &mean, &log_std));
            mass += libm::exp(log_p) * 1e-3;
            expectation -= libm::exp(log_p) * log_p * 1e-3;
        }
        assert!((mass - 1.0).abs() < 1e-5);
        assert!((expectation - f64::from(entropy(&log_std))).abs() < 1e-4);
    }
}
