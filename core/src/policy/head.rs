//! The function behind a policy's last layer.

/// The function behind the network's last layer.
///
/// The discriminants are part of the image format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Head {
    /// Hyperbolic tangent by `libm::tanhf`: the trainer's head.
    #[default]
    Squash = 0,
    /// The identity: outputs beyond the limits are clipped, as in the PPO of Stable-Baselines3 and CleanRL.
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

    /// Applies the head to one output.
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
