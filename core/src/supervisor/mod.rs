//! One control tick, whole and pure, and the loop around it.
//!
//! | file | what |
//! |---|---|
//! | this one | the tick: guard in, monitor, policy, guard out, state |
//! | `session` | the loop: wait, tick, actuate, feed the watchdog, reply |
//! | `trial` | a new policy beside the old one: shadow, trial, confirmation |
//! | `inbox` | bytes in, the newest request out |
//! | `period`, `histogram` | when a tick is due, and how late they were |
//! | `settings` | every number of a controller |
//! | `events` | what happened, kept until there is time to log it |
//!
//! The firmware and its simulation on the workstation run this very code; they differ in their
//! [`Machine`] alone.

mod events;
mod histogram;
mod inbox;
mod machine;
mod networks;
mod period;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod tick;
mod trial;

pub use crate::protocol::Timing;
#[doc(hidden)]
pub use MONITOR_DEBOUNCE as MONITOR_PATIENCE; // compat
#[doc(hidden)]
pub use Networks as Brain; // compat
pub use events::{Event, Events};
pub use inbox::{Inbox, Incoming};
pub use machine::Machine;
pub use networks::Networks;
pub use period::{Pace, Period};
pub use session::Session;
pub use settings::{MONITOR_DEBOUNCE, Settings};
pub use tick::{Actuation, EVENTS, Outcome, Supervisor};
