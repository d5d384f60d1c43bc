//! Where the variance of a policy gradient comes from, and what would reduce it: the first half of
//! the paper, measured. `docs/variance.md` is its mathematics.
//!
//! | file | what |
//! |---|---|
//! | `lemmas` | numbers in, variances and verdicts out |
//! | `actor` | the policy, and the gradient of every sample |
//! | `window` | trajectories, and values of other actions from the rewound simulator |
//! | `samples`, `accumulator` | unbiased components from trajectories |
//! | `measure` | all of it on threads; the policy of Table 1 |
//! | `bootstrap`, `table` | intervals, beside the paper's figures |
//! | `command` | the command line |

mod accumulator;
mod actor;
mod bootstrap;
pub mod command;
mod lemmas;
mod measure;
mod samples;
mod table;
mod window;

#[cfg(test)]
mod brute_force;
#[cfg(test)]
mod recovery;

pub use accumulator::{Accumulator, Estimate};
pub use actor::{Actor, Pass, Scores};
pub use bootstrap::{Interval, Statistic, intervals};
pub use lemmas::{Components, Condition, Verdict, corollary_1};
pub use measure::{Measured, Size, improve, measure};
pub use samples::TrajectoryGradients;
pub use table::{Published, Report, Row, TABLE_1};
pub use window::{Settings, Walker, Window};
