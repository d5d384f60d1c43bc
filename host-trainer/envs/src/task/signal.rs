//! One number of an observation or an action, with its unit and range.

/// One number of an observation or an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Unique within its task, such as `pole_1_cos`.
    pub name: String,
    /// SI unit, `1` for a pure number.
    pub unit: &'static str,
    /// Least value: of a healthy observation, or of the actuator's control range.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
}

impl Signal {
    /// A signal in `low..=high`.
    pub fn new(name: impl Into<String>, unit: &'static str, low: f64, high: f64) -> Self {
        Self { name: name.into(), unit, low, high }
    }

    /// A signal in `-bound..=bound`.
    pub fn symmetric(name: impl Into<String>, unit: &'static str, bound: f64) -> Self {
        Self::new(name, unit, -bound, bound)
    }

    /// A sine, a cosine or an element of a rotation matrix.
    #[must_use]
    pub fn direction(name: impl Into<String>) -> Self {
        // Rotation matrices come from normalised quaternions: rounding leaves 1 by some 1e-15.
        Self::symmetric(name, "1", 1.001)
    }
}
