//! What may go into a policy, what may leave it, and who controls the actuators when something is wrong.
//!
//! Observations are refused before the policy runs, actions before they reach an actuator, and one bad
//! channel refuses the whole vector.
//!
//! | step | type | refuses |
//! |---|---|---|
//! | in | [`Signals`] | a signal that was never received, is damaged in memory or too old |
//! | in | [`Guard::check`] | a number that is not finite or not in its declared range |
//! | out | [`Output`] | a command that is not finite; then come limits, slew and the actuator's map |
//!
//! | module | content |
//! |---|---|
//! | [`state`] | the safety state machine: RUN, HOLD, FALLBACK, SAFE |
//! | [`fallback`] | the controller that acts while the policy is not trusted |
//! | [`monitor`] | the prediction error of the dynamics against its quantiles at export |

pub mod fallback;
mod fault;
mod guard;
pub mod monitor;
mod output;
mod signals;
pub mod state;

pub use fallback::{Fallback, LinearFeedback, Rest};
pub use fault::Fault;
pub use guard::Guard;
pub use monitor::Monitor;
pub use output::{ActuatorRange, Command, Output};
pub use signals::Signals;
pub use state::{Debounce, Edge, Health, Mode, Reason, StateMachine};
