//! Advantage actor-critic (Mnih et al. 2016): one epoch of the plain policy gradient, Eq. 3 of the
//! paper.

use super::interface::Definition;
use super::loss::{Candidates, Gain, learn_in_epochs};

/// The update `a2c`.
pub(super) static DEFINITION: Definition = Definition {
    name: "a2c",
    report_name: "A2C",
    help: "one epoch of the plain policy gradient",
    without_effect: &[("trpo", "is not trpo")],
    improve: |actor, lesson| learn_in_epochs(actor, lesson, 1, gain),
};

/// `A ln pi`.
pub(super) fn gain(Candidates { log_probs, advantages, weights, .. }: &Candidates<'_>) -> Gain {
    let weighted = *advantages * *weights;
    Gain { value: *log_probs * &weighted, by_log_prob: weighted }
}
