//! Where the variance of a policy gradient comes from, and what would reduce it: the first half of
//! the paper, measured. `docs/variance.md` is its mathematics.
//!
//! | file | what |
//! |---|---|
//! | `lemmas` | numbers in, variances and verdicts out |

mod lemmas;

#[cfg(test)]
mod brute_force;

pub use lemmas::{Components, Condition, Verdict, corollary_1};
