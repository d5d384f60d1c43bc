//! dm_control's `tolerance`: the soft indicator from which every reward of the suite is made.

/// How `tolerance` falls off outside its bounds; each carries its value at the margin.
///
/// With d the distance from the bounds in units of the margin, every shape is 1 at d = 0 and
/// its value at the margin, v, at d = 1. v is strictly between 0 and 1; [`Sigmoid::Cosine`],
/// [`Sigmoid::Linear`] and [`Sigmoid::Quadratic`] reach 0 and allow v = 0, too.
///
/// Source: `dm_control/utils/rewards.py`, `_sigmoids`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sigmoid {
    /// exp(-(d s)^2 / 2), s = sqrt(-2 ln v).
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// // v = 0.1: at twice the margin v^4.
    /// assert!((Sigmoid::Gaussian(0.1).at(2.0) - 1e-4).abs() < 1e-15);
    /// ```
    Gaussian(f64),
    /// 1 / cosh(d s), s = arcosh(1/v).
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// // v = 0.5: cosh(2s) = 2 cosh(s)^2 - 1 = 7.
    /// assert!((Sigmoid::Hyperbolic(0.5).at(2.0) - 1.0 / 7.0).abs() < 1e-15);
    /// ```
    Hyperbolic(f64),
    /// 1 / ((d s)^2 + 1), s = sqrt(1/v - 1).
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// // v = 0.5: s = 1.
    /// assert!((Sigmoid::LongTail(0.5).at(2.0) - 0.2).abs() < 1e-15);
    /// ```
    LongTail(f64),
    /// 1 / (d s + 1), s = 1/v - 1.
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// // v = 0.25: s = 3.
    /// assert!((Sigmoid::Reciprocal(0.25).at(3.0) - 0.1).abs() < 1e-15);
    /// ```
    Reciprocal(f64),
    /// (1 + cos(pi d s)) / 2 while d s < 1, then 0; s = arccos(2v - 1) / pi.
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// // v = 0: s = 1; half way (1 + cos(pi/2)) / 2.
    /// assert!((Sigmoid::Cosine(0.0).at(0.5) - 0.5).abs() < 1e-15);
    /// assert_eq!(Sigmoid::Cosine(0.0).at(1.5), 0.0);
    /// ```
    Cosine(f64),
    /// 1 - d s while d s < 1, then 0; s = 1 - v.
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// assert_eq!(Sigmoid::Linear(0.5).at(1.0), 0.5);
    /// assert_eq!(Sigmoid::Linear(0.5).at(1.5), 0.25);
    /// assert_eq!(Sigmoid::Linear(0.5).at(3.0), 0.0);
    /// ```
    Linear(f64),
    /// 1 - (d s)^2 while d s < 1, then 0; s = sqrt(1 - v).
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// assert_eq!(Sigmoid::Quadratic(0.0).at(0.5), 0.75);
    /// assert_eq!(Sigmoid::Quadratic(0.0).at(2.0), 0.0);
    /// ```
    Quadratic(f64),
    /// 1 - tanh(d s)^2, s = artanh(sqrt(1 - v)).
    ///
    /// ```
    /// use daa_envs::reward::Sigmoid;
    /// // v = 0.75: tanh(s) = 1/2, tanh(2s) = 2 (1/2) / (1 + 1/4) = 4/5.
    /// assert!((Sigmoid::TanhSquared(0.75).at(2.0) - 0.36).abs() < 1e-15);
    /// ```
    TanhSquared(f64),
}

impl Sigmoid {
    /// dm_control's default: gaussian, 0.1 at the margin.
    pub const DEFAULT: Self = Self::Gaussian(0.1);

    /// Value at the distance `d` >= 0 from the bounds, in margins. In 0..=1. Never panics.
    // With constant arguments, as everywhere in the tasks, logarithms and roots are constants.
    #[inline]
    #[must_use]
    pub fn at(self, d: f64) -> f64 {
        match self {
            Self::Gaussian(value) => {
                let x = d * (-2.0 * value.ln()).sqrt();
                let exponent = -0.5 * (x * x);
                // exp would underflow to 0, too, but slowly.
                if exponent < -746.0 { 0.0 } else { exponent.exp() }
            }
            Self::Hyperbolic(value) => 1.0 / (d * (1.0 / value).acosh()).cosh(),
            Self::LongTail(value) => {
                let x = d * (1.0 / value - 1.0).sqrt();
                1.0 / (x * x + 1.0)
            }
            Self::Reciprocal(value) => 1.0 / (d.abs() * (1.0 / value - 1.0) + 1.0),
            Self::Cosine(value) => {
                let x = d * ((2.0 * value - 1.0).acos() / std::f64::consts::PI);
                if x.abs() < 1.0 { (1.0 + (std::f64::consts::PI * x).cos()) / 2.0 } else { 0.0 }
            }
            Self::Linear(value) => {
                let x = d * (1.0 - value);
                if x.abs() < 1.0 { 1.0 - x } else { 0.0 }
            }
            Self::Quadratic(value) => {
                let x = d * (1.0 - value).sqrt();
                if x.abs() < 1.0 { 1.0 - x * x } else { 0.0 }
            }
            Self::TanhSquared(value) => {
                let x = (d * (1.0 - value).sqrt().atanh()).tanh();
                1.0 - x * x
            }
        }
    }
}

/// 1 where `x` lies in `bounds` (inclusive), falling off outside over `margin`; 0 outside when
/// the margin is 0. In 0..=1. Never panics.
///
/// Source: `dm_control/utils/rewards.py`, `tolerance`.
///
/// ```
/// use daa_envs::reward::{Sigmoid, tolerance};
/// assert_eq!(tolerance(0.5, (0.0, 1.0), 0.0, Sigmoid::DEFAULT), 1.0);
/// assert_eq!(tolerance(1.5, (0.0, 1.0), 0.0, Sigmoid::DEFAULT), 0.0);
/// // One margin outside: the value at the margin.
/// assert!((tolerance(3.0, (0.0, 1.0), 2.0, Sigmoid::DEFAULT) - 0.1).abs() < 1e-15);
/// // Cheetah: 2.5 of 10 m/s is a quarter.
/// let run = tolerance(2.5, (10.0, f64::INFINITY), 10.0, Sigmoid::Linear(0.0));
/// assert_eq!(run, 0.25);
/// ```
#[inline]
#[must_use]
pub fn tolerance(x: f64, bounds: (f64, f64), margin: f64, sigmoid: Sigmoid) -> f64 {
    let (lower, upper) = bounds;
    debug_assert!(lower <= upper && margin >= 0.0);
    #[cfg(test)]
    let margin = margin * crate::tests::planted_margin();
    if lower <= x && x <= upper {
        1.0
    } else if margin == 0.0 {
        0.0
    } else {
        let distance = if x < lower { lower - x } else { x - upper };
        sigmoid.at(distance / margin)
    }
}
