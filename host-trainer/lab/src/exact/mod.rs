//! Decision problems whose values, gradients and variances are known exactly. Tests and examples of the
//! documentation compare estimators with them.
//!
//! | problem | policy | what is exact |
//! |---|---|---|
//! | [`Tabular`] | softmax over features, shared parameters | Q, V, stationary distribution, both policy gradients, every component of Lemma 1 |
//! | [`Ladder`] | Gaussian, one action dimension, any mean and deviation a state: a network's as well | Q, V, stationary distribution, gradient by mean and log-deviation of each state, moments of a sample's gradient |
//!
//! To test an estimator of a neural Gaussian policy: run the network on
//! [`Ladder::observation`] of each state, [`Ladder::solve`] for the resulting [`Gaussian`]s, let the
//! estimator score its actions with [`Balanced::q`] (or `q - v`) and average its gradients over
//! states drawn by [`Balanced::trajectory`]. The mean must be [`Balanced::gradient`] pushed through
//! the network's Jacobian; [`Balanced::moments`] says how much one action's sample varies; a
//! [`Ladder`] with another reward or transition is a wrong model, whose `q` must cause a bias.
//!
//! To test a theorem about variances: [`Tabular::example`], [`Solved::components`].

mod ladder;
mod linear;
mod tabular;

pub use ladder::{Balanced, Gaussian, Ladder, Moments};
pub use tabular::{Solved, Tabular, Visit};
