//! The networks of an image.

use super::error::{ImageError, Section};
use super::read::Image;
use crate::math::integer::IntegerMlp;
use crate::math::{DynMlp, Mlp, WeightType};
use crate::model::{DynDynamics, DynTransition, Dynamics, Transition};
use crate::model::{DynLearnedModel, LearnedModel, LearnedModelInner};
use crate::policy::{ActionLimits, DynPolicy, Network, Policy, PolicyError};
use crate::safety::Guard;
use crate::safety::Monitor;
use nalgebra::SVector;

impl From<PolicyError> for ImageError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Normaliser(error) => Self::Normaliser(error),
            PolicyError::Integer(error) => Self::Integer(error),
            _ => Self::Layout,
        }
    }
}

impl<'b> Image<'b> {
    /// The image's policy. The const parameters are the architecture's sizes.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when they are not.
    pub fn policy<const OBS: usize, const HIDDEN: usize, const ACT: usize>(
        &self,
    ) -> Result<Policy<'b, OBS, HIDDEN, ACT>, ImageError> {
        let metadata = self.metadata();
        let mut limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
        if metadata.observations.len() != OBS || metadata.actions.len() != ACT {
            return Err(ImageError::Layout);
        }
        for (limits, signal) in limits.iter_mut().zip(&metadata.actions) {
            *limits = ActionLimits { low: signal.low, high: signal.high };
        }
        let (mut mean, mut deviation) =
            (SVector::<f32, OBS>::zeros(), SVector::<f32, OBS>::zeros());
        for ((mean, deviation), signal) in
            mean.iter_mut().zip(deviation.iter_mut()).zip(&metadata.observations)
        {
            (*mean, *deviation) = (signal.mean, signal.deviation);
        }
        let activation = self.architecture().policy_activation;
        let (clip, head) = (metadata.observation_clip, self.architecture().policy_head);
        let network = match self.architecture().policy_weights {
            WeightType::F32 => {
                let weights = self.policy_weights();
                let policy = Policy::new(weights, activation, mean, &deviation, clip, limits)?;
                return Ok(policy.with_head(head));
            }
            weights => IntegerMlp::new(weights, activation, self.policy_integers())
                .map_err(ImageError::Integer)?,
        };
        let network = Network::Integer(network);
        let policy = Policy::with_network(network, self.log_std(), mean, &deviation, clip, limits)?;
        Ok(policy.with_head(head))
    }

    /// The image's transition network, or `None` when it has only a policy.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when the const parameters are not the architecture's sizes.
    pub fn transition<const OBS: usize, const IN: usize, const TH: usize>(
        &self,
    ) -> Result<Option<Transition<'b, OBS, IN, TH>>, ImageError> {
        if !self.architecture().has_model() {
            return Ok(None);
        }
        let scale = <[f32; OBS]>::try_from(self.transition_scale());
        let architecture = self.architecture();
        let network = Mlp::new(self.transition_weights(), architecture.model_activation);
        Ok(Some(Transition {
            network: network.map_err(|_| ImageError::Layout)?,
            target: architecture.transition_target,
            scale: scale.map_err(|_| ImageError::Layout)?,
            clip: self.metadata().observation_clip,
        }))
    }

    /// The image's transition network with sizes known at run time, or `None` when the image has only a
    /// policy.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when the weights do not fit the architecture, which the checks of
    /// [`open`](Self::open) exclude.
    pub fn dyn_transition(&self) -> Result<Option<DynTransition<'b>>, ImageError> {
        if !self.architecture().has_model() {
            return Ok(None);
        }
        let architecture = self.architecture();
        let (shape, weights) = (architecture.transition(), self.transition_weights());
        let network = DynMlp::new(shape, weights, architecture.model_activation);
        Ok(Some(DynTransition {
            network: network.map_err(|_| ImageError::Layout)?,
            target: architecture.transition_target,
            scale: self.transition_scale(),
            clip: self.metadata().observation_clip,
        }))
    }

    /// The monitor over [`transition`](Self::transition)'s predictions, or `None` when the image has only a policy.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when the const parameter is not the architecture's size.
    pub fn monitor<const OBS: usize>(
        &self,
        debounce: u16,
    ) -> Result<Option<Monitor<OBS>>, ImageError> {
        let Some(levels) = self.monitor_levels() else { return Ok(None) };
        let residual = <[f32; OBS]>::try_from(self.monitor_residual());
        let residual = SVector::from(residual.map_err(|_| ImageError::Layout)?);
        Ok(Some(Monitor::new(residual, levels, debounce)))
    }

    /// The image's dynamics, critic and policy, or `None` when it has only a policy.
    ///
    /// # Errors
    /// [`ImageError::Layout`] when the const parameters are not the architecture's sizes.
    pub fn learned_model<
        const OBS: usize,
        const ACT: usize,
        const IN: usize,
        const PH: usize,
        const TH: usize,
        const RH: usize,
        const CH: usize,
    >(
        &self,
    ) -> Result<Option<LearnedModel<'b, OBS, ACT, IN, PH, TH, RH, CH>>, ImageError> {
        if !self.architecture().has_model() {
            return Ok(None);
        }
        let mut scale = SVector::<f32, OBS>::zeros();
        for (slot, value) in scale.iter_mut().zip(self.transition_scale()) {
            *slot = *value;
        }
        let weights = (self.transition_weights(), self.section(Section::Reward));
        let architecture = self.architecture();
        let (activation, target) = (architecture.model_activation, architecture.transition_target);
        let clip = self.metadata().observation_clip;
        let dynamics = Dynamics::new(weights, activation, target, scale, clip)
            .map_err(|_| ImageError::Layout)?;
        let critic = Mlp::new(self.section(Section::Critic), architecture.critic_activation)
            .map_err(|_| ImageError::Layout)?;
        Ok(Some(LearnedModelInner { dynamics, critic, policy: self.policy()? }))
    }

    /// The image's dynamics and critic with sizes known at run time, around `policy`; `None` when the
    /// image has only a policy.
    ///
    /// # Errors
    /// As [`dyn_transition`](Self::dyn_transition).
    pub fn dyn_learned_model(
        &self,
        policy: DynPolicy<'b>,
    ) -> Result<Option<DynLearnedModel<'b>>, ImageError> {
        let Some(transition) = self.dyn_transition()? else { return Ok(None) };
        let architecture = self.architecture();
        let network = |shape, section, activation| {
            DynMlp::new(shape, self.section(section), activation).map_err(|_| ImageError::Layout)
        };
        let reward =
            network(architecture.reward(), Section::Reward, architecture.model_activation)?;
        let critic =
            network(architecture.critic(), Section::Critic, architecture.critic_activation)?;
        let dynamics = DynDynamics { transition, reward };
        Ok(Some(LearnedModelInner { dynamics, critic, policy }))
    }

    /// The guard of the declared observation ranges.
    ///
    /// # Errors
    /// [`ImageError::SignalCount`] when `OBS` is not the number of observations.
    pub fn observation_guard<const OBS: usize>(&self) -> Result<Guard<OBS>, ImageError> {
        guard(self.metadata().observations.iter().map(|signal| (signal.low, signal.high)))
    }

    /// The guard of the actuators' limits.
    ///
    /// # Errors
    /// [`ImageError::SignalCount`] when `ACT` is not the number of actions.
    pub fn action_guard<const ACT: usize>(&self) -> Result<Guard<ACT>, ImageError> {
        guard(self.metadata().actions.iter().map(|signal| (signal.low, signal.high)))
    }
}

fn guard<const N: usize>(
    signals: impl ExactSizeIterator<Item = (f32, f32)>,
) -> Result<Guard<N>, ImageError> {
    if signals.len() != N {
        return Err(ImageError::SignalCount);
    }
    let mut ranges = [(0.0, 0.0); N];
    ranges.iter_mut().zip(signals).for_each(|(slot, range)| *slot = range);
    Ok(Guard::new(ranges))
}
