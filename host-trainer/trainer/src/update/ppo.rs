//! Proximal policy optimisation (Schulman et al. 2017): several epochs on the clipped surrogate.

use super::interface::Definition;
use super::loss::{Candidates, Gain, learn_in_epochs};
use tch::Kind;

/// The update `ppo`.
pub(super) static DEFINITION: Definition = Definition {
    name: "ppo",
    report_name: "PPO",
    help: "several epochs on the clipped surrogate",
    without_effect: &[("trpo", "is not trpo")],
    improve: |actor, lesson| learn_in_epochs(actor, lesson, lesson.config.update.epochs, gain),
};

/// `min(ratio A, clamp(ratio, 1 - c, 1 + c) A)` (Eq. 7).
pub(super) fn gain(Candidates { ratio, advantages, weights, config, .. }: &Candidates<'_>) -> Gain {
    let gain = *ratio * *advantages;
    let clipped = ratio.clamp(1.0 - config.ppo.clip, 1.0 + config.ppo.clip) * *advantages;
    // Where the minimum is the clipped gain, and only there, the loss is flat.
    let flows = gain.le_tensor(&clipped).to_kind(Kind::Float) * *weights;
    Gain { value: gain.minimum(&clipped) * *weights, by_log_prob: gain * flows }
}
