//! Sizes and functions of the networks in an image. A firmware is built for one architecture.

use super::error::{ImageError, Section};
use crate::math::Activation;
use crate::math::WeightType;
use crate::math::integer::network_words;
use crate::math::sizes::{MAX_ACTIONS, MAX_HIDDEN, MAX_OBSERVATIONS, MlpShape};
use crate::model::TransitionTarget;
use crate::policy::Head;

/// Length of the architecture block in the header.
pub const ARCHITECTURE_BYTES: usize = 24;
/// Offset of the code of the policy's head: the last byte, which is 0 in images of older programs.
const HEAD: usize = ARCHITECTURE_BYTES - 1;

/// The properties of an image that a firmware must know at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Architecture {
    /// Number of observation signals.
    pub observations: u16,
    /// Number of actions.
    pub actions: u16,
    /// Hidden width of the policy.
    pub policy_hidden: u16,
    /// Hidden width of the transition network; 0 when the image has no dynamics and critic.
    pub transition_hidden: u16,
    /// Hidden width of the reward network; 0 when the image has no dynamics and critic.
    pub reward_hidden: u16,
    /// Hidden width of the critic; 0 when the image has no dynamics and critic.
    pub critic_hidden: u16,
    /// Function between the policy's layers.
    pub policy_activation: Activation,
    /// Function between the layers of transition and reward network.
    pub model_activation: Activation,
    /// Function between the critic's layers.
    pub critic_activation: Activation,
    /// What the transition network predicts.
    pub transition_target: TransitionTarget,
    /// Type of the policy's weights; the weights of all other networks are floats.
    pub policy_weights: WeightType,
    /// Function behind the policy's last layer.
    pub policy_head: Head,
}

impl Architecture {
    /// The bytes of the block: six `u16`, four codes, the type of the policy's weights, zeros, the policy's
    /// head.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ARCHITECTURE_BYTES] {
        let mut bytes = [0; ARCHITECTURE_BYTES];
        let sizes = [
            self.observations,
            self.actions,
            self.policy_hidden,
            self.transition_hidden,
            self.reward_hidden,
            self.critic_hidden,
        ];
        for (bytes, size) in bytes.chunks_exact_mut(2).zip(sizes) {
            bytes.copy_from_slice(&size.to_le_bytes());
        }
        bytes[12] = self.policy_activation as u8;
        bytes[13] = self.model_activation as u8;
        bytes[14] = self.critic_activation as u8;
        bytes[15] = self.transition_target as u8;
        bytes[16] = self.policy_weights as u8;
        bytes[HEAD] = self.policy_head as u8;
        bytes
    }

    /// Reads a block and checks that its sizes are possible.
    ///
    /// # Errors
    /// [`ImageError::Architecture`].
    pub fn from_bytes(bytes: &[u8; ARCHITECTURE_BYTES]) -> Result<Self, ImageError> {
        let size = |i: usize| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
        let activation = |i: usize| Activation::from_code(bytes[i]).ok_or(ImageError::Architecture);
        let architecture = Self {
            observations: size(0),
            actions: size(1),
            policy_hidden: size(2),
            transition_hidden: size(3),
            reward_hidden: size(4),
            critic_hidden: size(5),
            policy_activation: activation(12)?,
            model_activation: activation(13)?,
            critic_activation: activation(14)?,
            transition_target: TransitionTarget::from_code(bytes[15])
                .ok_or(ImageError::Architecture)?,
            policy_weights: WeightType::from_code(bytes[16]).ok_or(ImageError::Architecture)?,
            policy_head: Head::from_code(bytes[HEAD]).ok_or(ImageError::Architecture)?,
        };
        if bytes[17..HEAD].iter().any(|byte| *byte != 0) {
            return Err(ImageError::Architecture);
        }
        architecture.check()?;
        Ok(architecture)
    }

    /// Checks that the sizes are possible: no size is 0 or too large, and dynamics and critic are all
    /// present or all absent.
    ///
    /// # Errors
    /// [`ImageError::Architecture`].
    pub fn check(&self) -> Result<(), ImageError> {
        let within = |size: u16, low: usize, high: usize| (low..=high).contains(&usize::from(size));
        let model = [self.transition_hidden, self.reward_hidden, self.critic_hidden];
        let model_is_whole =
            model.iter().all(|h| *h == 0) || model.iter().all(|h| within(*h, 1, MAX_HIDDEN));
        if within(self.observations, 1, MAX_OBSERVATIONS)
            && within(self.actions, 1, MAX_ACTIONS)
            && within(self.policy_hidden, 1, MAX_HIDDEN)
            && model_is_whole
        {
            Ok(())
        } else {
            Err(ImageError::Architecture)
        }
    }

    /// FNV-1a over [`to_bytes`](Self::to_bytes). Every step of FNV-1a is a bijection of the hash,
    /// so every change of a single byte changes the hash.
    #[must_use]
    pub fn hash(&self) -> u32 {
        hash(&self.to_bytes())
    }

    /// Whether the image has dynamics and critic.
    #[must_use]
    pub const fn has_model(&self) -> bool {
        self.transition_hidden > 0
    }

    /// Sizes of the policy's network.
    #[must_use]
    pub const fn policy(&self) -> MlpShape {
        MlpShape::new(
            self.observations as usize,
            self.policy_hidden as usize,
            self.actions as usize,
        )
    }

    /// Sizes of the transition network.
    #[must_use]
    pub const fn transition(&self) -> MlpShape {
        let input = self.observations as usize + self.actions as usize;
        MlpShape::new(input, self.transition_hidden as usize, self.observations as usize)
    }

    /// Sizes of the reward network.
    #[must_use]
    pub const fn reward(&self) -> MlpShape {
        MlpShape::new(
            self.observations as usize + self.actions as usize,
            self.reward_hidden as usize,
            1,
        )
    }

    /// Sizes of the critic.
    #[must_use]
    pub const fn critic(&self) -> MlpShape {
        MlpShape::new(self.observations as usize, self.critic_hidden as usize, 1)
    }

    /// Words of the policy's network: its parameters, or the words of its integer form.
    #[must_use]
    pub const fn policy_words(&self) -> usize {
        match self.policy_weights {
            WeightType::F32 => self.policy().params(),
            weights => network_words(weights, self.policy()),
        }
    }

    /// Number of 32-bit words in a section; `golden` is the number of golden vectors.
    #[must_use]
    pub const fn section_len(&self, section: Section, golden: usize) -> usize {
        let (observations, actions) = (self.observations as usize, self.actions as usize);
        match section {
            Section::Policy => self.policy_words() + actions,
            Section::Golden => golden * (observations + actions),
            _ if !self.has_model() => 0,
            Section::Transition => observations + self.transition().params(),
            Section::Reward => self.reward().params(),
            Section::Critic => self.critic().params(),
            Section::Monitor => observations + 2,
        }
    }
}

pub(crate) fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
