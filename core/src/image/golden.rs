//! Golden vectors: every boot replays them and proves that this machine computes the bits that the trainer
//! computed.

use super::read::Image;
use crate::policy::Policy;
use nalgebra::SVector;

/// The first action that differs from a golden vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GoldenMismatch {
    /// Index of the golden vector.
    pub vector: usize,
    /// Index of the action.
    pub channel: usize,
    /// Bits of the stored action.
    pub stored: u32,
    /// Bits of the action computed here.
    pub computed: u32,
}

impl core::fmt::Display for GoldenMismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { vector, channel, stored, computed } = self;
        write!(
            f,
            "golden vector {vector}, action {channel}: {computed:08x} computed, {stored:08x} stored"
        )
    }
}

impl core::error::Error for GoldenMismatch {}

/// Computes the policy's action for every golden observation, and returns the number of golden vectors.
///
/// # Errors
/// The first action whose bits differ from the stored ones.
pub fn replay<const OBS: usize, const HIDDEN: usize, const ACT: usize>(
    image: &Image<'_>,
    policy: &Policy<'_, OBS, HIDDEN, ACT>,
) -> Result<usize, GoldenMismatch> {
    let mut observation = SVector::<f32, OBS>::zeros();
    let golden = image.golden();
    let count = golden.len();
    for (vector, golden) in golden.enumerate() {
        for (slot, value) in observation.iter_mut().zip(golden.observation) {
            *slot = *value;
        }
        let action = policy.mode(&observation);
        for (channel, (computed, stored)) in action.iter().zip(golden.action).enumerate() {
            let (stored, computed) = (stored.to_bits(), computed.to_bits());
            if stored != computed {
                return Err(GoldenMismatch { vector, channel, stored, computed });
            }
        }
    }
    Ok(count)
}
