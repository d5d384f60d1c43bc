//! The function behind a policy's last layer.

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
