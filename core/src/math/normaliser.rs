//! Observation normalisation: `obs = clamp((x - mean) / std, -clip, clip)`.
//!
//! The inputs of policy, critic and dynamics are normalised observations: raw sensor units occur only
//! here.

use super::limit;

/// Why statistics cannot be used for normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NormaliserError {
    /// The three slices differ in length.
    WrongLength,
    /// A mean is NaN or infinite.
    MeanNotFinite {
        /// Index of the signal.
        index: usize,
    },
    /// A standard deviation is not a positive finite number, or so small that its inverse overflows.
    DeviationNotPositive {
        /// Index of the signal.
        index: usize,
    },
    /// The clip is not a positive finite number.
    ClipNotPositive,
}

impl NormaliserError {
    /// The same cause for signal `index`: for statistics that were checked one by one.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        match self {
            Self::MeanNotFinite { .. } => Self::MeanNotFinite { index },
            Self::DeviationNotPositive { .. } => Self::DeviationNotPositive { index },
            other => other,
        }
    }
}

impl core::fmt::Display for NormaliserError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongLength => write!(f, "means and standard deviations differ in number"),
            Self::MeanNotFinite { index } => {
                write!(f, "mean {index} of the normaliser is not finite")
            }
            Self::DeviationNotPositive { index } => {
                write!(f, "standard deviation {index} of the normaliser is not positive and finite")
            }
            Self::ClipNotPositive => write!(f, "the normaliser's clip is not positive and finite"),
        }
    }
}

impl core::error::Error for NormaliserError {}

/// Statistics of the observations: a mean and an inverse standard deviation for each signal. `V` holds
/// `[OBS]` numbers: an array, or a borrowed slice ([`Normaliser`]).
#[derive(Clone, Copy, Debug)]
pub struct NormaliserInner<V> {
    mean: V,
    inverse_std: V,
    clip: f32,
}

/// A normaliser over borrowed statistics.
pub type Normaliser<'w> = NormaliserInner<&'w [f32]>;

impl<V: AsRef<[f32]>> NormaliserInner<V> {
    /// Checks the statistics and writes `1 / std` into `inverse_std`, which `store` turns into the kept
    /// form. The inverse is taken once, here, so that every machine multiplies by the same bits.
    fn with_storage<W: AsMut<[f32]>>(
        mean: V,
        std: &[f32],
        clip: f32,
        mut inverse_std: W,
        store: impl FnOnce(W) -> V,
    ) -> Result<Self, NormaliserError> {
        let (means, inverses) = (mean.as_ref(), inverse_std.as_mut());
        if means.len() != std.len() || means.len() != inverses.len() {
            return Err(NormaliserError::WrongLength);
        }
        for (index, (mean, (std, inverse))) in
            means.iter().zip(std.iter().zip(inverses)).enumerate()
        {
            if !mean.is_finite() {
                return Err(NormaliserError::MeanNotFinite { index });
            }
            *inverse = 1.0 / std;
            if !(*std > 0.0 && std.is_finite() && inverse.is_finite()) {
                return Err(NormaliserError::DeviationNotPositive { index });
            }
        }
        if !(clip > 0.0 && clip.is_finite()) {
            return Err(NormaliserError::ClipNotPositive);
        }
        Ok(Self { mean, inverse_std: store(inverse_std), clip })
    }

    /// Largest magnitude of a normalised observation.
    #[must_use]
    pub fn clip(&self) -> f32 {
        self.clip
    }

    /// Writes the normalised observation into `obs`. Never panics.
    ///
    /// ```
    /// use daa_core::Normaliser;
    /// let mut inverse_std = [0.0; 2];
    /// let normaliser = Normaliser::new(&[1.0, 0.0], &[2.0, 0.5], 3.0, &mut inverse_std)?;
    /// let mut obs = [0.0; 2];
    /// normaliser.normalise(&[2.0, -9.0], &mut obs);
    /// assert_eq!(obs, [0.5, -3.0]);
    /// # Ok::<(), daa_core::math::normaliser::NormaliserError>(())
    /// ```
    #[inline]
    pub fn normalise(&self, observation: &[f32], obs: &mut [f32]) {
        let statistics = self.mean.as_ref().iter().zip(self.inverse_std.as_ref());
        for ((obs, x), (mean, inverse)) in obs.iter_mut().zip(observation).zip(statistics) {
            *obs = limit((x - mean) * inverse, -self.clip, self.clip);
        }
    }
}

impl<'w> Normaliser<'w> {
    /// Checks the statistics and writes `1 / std` into `inverse_std`.
    ///
    /// # Errors
    /// One variant of [`NormaliserError`] for each statistic that cannot be used.
    pub fn new(
        mean: &'w [f32],
        std: &[f32],
        clip: f32,
        inverse_std: &'w mut [f32],
    ) -> Result<Self, NormaliserError> {
        Self::with_storage(mean, std, clip, inverse_std, |filled| filled)
    }
}

impl<const N: usize> NormaliserInner<[f32; N]> {
    /// Checks the statistics, which are copied.
    ///
    /// # Errors
    /// One variant of [`NormaliserError`] for each statistic that cannot be used.
    pub fn fixed(mean: [f32; N], std: &[f32], clip: f32) -> Result<Self, NormaliserError> {
        Self::with_storage(mean, std, clip, [0.0; N], |filled| filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_statistics_are_refused_each_with_its_cause() {
        let check = |mean: f32, deviation: f32, clip: f32| {
            Normaliser::new(&[0.0, mean], &[1.0, deviation], clip, &mut [0.0; 2]).map(|_| ())
        };
        assert_eq!(check(0.0, 1.0, 10.0), Ok(()));
        assert_eq!(check(f32::NAN, 1.0, 10.0), Err(NormaliserError::MeanNotFinite { index: 1 }));
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40] {
            let error = Err(NormaliserError::DeviationNotPositive { index: 1 });
            assert_eq!(check(0.0, bad, 10.0), error, "{bad}");
        }
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(check(0.0, 1.0, bad), Err(NormaliserError::ClipNotPositive), "{bad}");
        }
        let error = Normaliser::new(&[0.0], &[1.0, 1.0], 1.0, &mut [0.0]).map(|_| ()).unwrap_err();
        assert_eq!(error, NormaliserError::WrongLength);
    }
}
