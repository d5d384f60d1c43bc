//! A clamp that contains no panic.

/// Returns `value` limited to `low..=high`; NaN stays NaN. Unlike `f32::clamp` it never panics.
#[must_use]
#[inline]
pub fn limit(value: f32, low: f32, high: f32) -> f32 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}
