//! The control tick, and the loop around it.
//!
//! | file | content |
//! |---|---|
//! | `tick` | the control tick: guard, monitor, policy, guard, safety state machine |
//! | `session` | the loop: wait, tick, actuate, feed the watchdog, reply |
//! | `networks`, `machine` | the networks and the hardware, as the loop uses them |
//! | `trial` | the trial of a new policy: shadow, trial, confirmation |
//! | `inbox` | received bytes become requests |
//! | `period`, `histogram` | when a tick is due, and how late the ticks were |
//! | `settings` | the settings of a controller |
//! | `events` | events, stored until there is time to log them |
//!
//! The firmware and its simulation on the workstation run the same code; only their [`Machine`]
//! differs.

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
pub use events::{Event, Events};
pub use inbox::{Inbox, Incoming};
pub use machine::Machine;
pub use networks::Networks;
pub use period::{Pace, Period};
pub use session::Session;
pub use settings::{MONITOR_DEBOUNCE, Settings};
pub use tick::{Actuation, EVENTS, Outcome, Supervisor};
