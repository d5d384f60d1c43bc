//! Observation normalisation: `z = clamp((x - mean) / deviation, -clip, clip)`.
//!
//! Policy, critic and dynamics all see normalised observations, so this is the only place where
//! raw sensor units enter.

use crate::guard::limit;

/// Why statistics cannot normalise anything.
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
    /// A deviation is not a positive finite number, or so small that its inverse overflows.
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
            Self::WrongLength => write!(f, "means and deviations differ in number"),
            Self::MeanNotFinite { index } => write!(f, "normaliser mean {index} is not finite"),
            Self::DeviationNotPositive { index } => {
                write!(f, "normaliser deviation {index} is not positive and finite")
            }
            Self::ClipNotPositive => write!(f, "normaliser clip is not positive and finite"),
        }
    }
}

impl core::error::Error for NormaliserError {}

/// Statistics of the observations, borrowed: `mean [OBS]`, `inverse_deviation [OBS]`.
#[derive(Clone, Copy, Debug)]
pub struct Normaliser<'w> {
    mean: &'w [f32],
    inverse_deviation: &'w [f32],
    clip: f32,
}

impl<'w> Normaliser<'w> {
    /// Checks the statistics and writes `1 / deviation` into `inverse_deviation`.
    ///
    /// The inverse is taken here, once, so that every machine multiplies by the same bits.
    ///
    /// # Errors
    /// One variant of [`NormaliserError`] for each statistic that cannot be used.
    pub fn new(
        mean: &'w [f32],
        deviation: &[f32],
        clip: f32,
        inverse_deviation: &'w mut [f32],
    ) -> Result<Self, NormaliserError> {
        if mean.len() != deviation.len() || mean.len() != inverse_deviation.len() {
            return Err(NormaliserError::WrongLength);
        }
        for (index, (mean, (deviation, inverse))) in
            mean.iter().zip(deviation.iter().zip(&mut *inverse_deviation)).enumerate()
        {
            if !mean.is_finite() {
                return Err(NormaliserError::MeanNotFinite { index });
            }
            *inverse = 1.0 / deviation;
            if !(*deviation > 0.0 && deviation.is_finite() && inverse.is_finite()) {
                return Err(NormaliserError::DeviationNotPositive { index });
            }
        }
        if !(clip > 0.0 && clip.is_finite()) {
            return Err(NormaliserError::ClipNotPositive);
        }
        Ok(Self { mean, inverse_deviation, clip })
    }

    /// Largest magnitude of a normalised observation.
    #[must_use]
    pub fn clip(&self) -> f32 {
        self.clip
    }

    /// Writes the normalised observation into `z`. Never panics.
    ///
    /// ```
    /// use daa_core::Normaliser;
    /// let mut inverse = [0.0; 2];
    /// let normaliser = Normaliser::new(&[1.0, 0.0], &[2.0, 0.5], 3.0, &mut inverse)?;
    /// let mut z = [0.0; 2];
    /// normaliser.normalise(&[2.0, -9.0], &mut z);
    /// assert_eq!(z, [0.5, -3.0]);
    /// # Ok::<(), daa_core::normaliser::NormaliserError>(())
    /// ```
    #[inline]
    pub fn normalise(&self, observation: &[f32], z: &mut [f32]) {
        for ((z, x), (mean, inverse)) in
            z.iter_mut().zip(observation).zip(self.mean.iter().zip(self.inverse_deviation))
        {
            *z = limit((x - mean) * inverse, -self.clip, self.clip);
        }
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
