//! Measurement of the components of the variance of a policy gradient, the first half of the paper.
//! `docs/variance.md` explains the mathematics.
//!
//! | file | what |
//! |---|---|
//! | `settings` | options and presets of a measurement |
//! | `window` | trajectories, and returns of other actions from the rewound simulator |
//! | `measure` | the components of a policy, computed on several threads; the policy of Table 1 |
//! | `critic` | the baseline that is subtracted, where one is asked for |
//! | `bootstrap`, `table`, `plots` | intervals, and the results beside those of the paper |
//! | `command` | the whole measurement of `host-trainer variance` |
//!
//! A bandit that can be computed by hand: two contexts, two equally likely actions, one parameter
//! (half the difference of the logits, so the scores are 1/2 and -1/2). In the first context the
//! actions are worth 2 and 0, in the second 0 and 2.
//!
//! ```
//! use daa_lab::exact::Tabular;
//! use daa_trainer::decomposition::{Components, Verdict::{MoreActions, MoreStates}, corollary_1};
//! let bandit = Tabular {
//!     states: 2,
//!     actions: 2,
//!     features: vec![0.5, -0.5, 0.5, -0.5],
//!     reward: vec![2.0, 0.0, 0.0, 2.0],
//!     transition: vec![0.5; 8],
//!     start: vec![0.5; 2],
//!     discount: 0.0,
//! };
//! let solved = bandit.solve(&[0.0]);
//! // Samples: 2/2 and 0 in the first context, 0 and -2/2 in the second. Means 1/2 and -1/2, and within
//! // each context a variance of 1/4.
//! assert_eq!([solved.marginal(0), solved.marginal(1)], [[0.5], [-0.5]]);
//! let components = &solved.components(1)[0];
//! assert_eq!((components.state_variance, components.action_variance), (0.25, 0.25));
//! // One action a state, T = 10: (1/4 + 1/4) / 10. Two actions reduce it by a quarter, and so does a
//! // trajectory that is longer by a third: a second action is worthwhile below a third of the cost of a state.
//! let verdict = |num_actions, delta| corollary_1(0.25, 0.25, num_actions, delta).verdict();
//! assert_eq!([0.3, 0.34].map(|delta| verdict(1, delta)), [MoreActions, MoreStates]);
//! assert_eq!(components.condition(1, 10, 0.3).verdict(), MoreActions);
//! // At the cost of a state and above, it is not worthwhile for any number of actions.
//! for num_actions in 1..100 {
//!     assert!([1.0, 1.5, 7.0].iter().all(|delta| verdict(num_actions, *delta) == MoreStates));
//! }
//! ```

mod bootstrap;
pub mod command;
mod critic;
mod measure;
mod plots;
mod settings;
mod table;
mod window;

#[cfg(test)]
mod brute_force;
#[cfg(test)]
mod recovery;

pub use bootstrap::{Statistic, intervals};
pub use critic::critic_of;
pub use measure::{Measured, Size, improve, measure};
pub use settings::{MeasureOptions, NewPolicyOptions, VarianceConfig};
pub use table::{Published, Report, Row, TABLE_1};
pub use window::{Settings, Walker, Window};
