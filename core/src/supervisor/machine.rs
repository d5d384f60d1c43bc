//! The hardware, as the control loop uses it.

use super::events::Event;
use crate::protocol::Transfer;
use crate::safety::Command;
use crate::update::{Stage, UpdateError};

/// The hardware of a controller, or its simulation.
pub trait Machine<const ACT: usize> {
    /// Why the loop ends.
    type Error;

    /// The control clock, in wrapping ticks.
    fn now(&self) -> u32;
    /// Takes the plant's time from the host; `None` means that one control period has passed. Only a
    /// machine whose clock is the plant's clock uses it.
    fn plant_time(&mut self, time_us: Option<u32>);
    /// Waits for bytes and returns their number: 0 after at most `wait` ticks, at once when that is 0.
    ///
    /// # Errors
    /// When the link is closed.
    fn receive(&mut self, bytes: &mut [u8], wait: u32) -> Result<usize, Self::Error>;
    /// Sends a frame.
    ///
    /// # Errors
    /// When the link is closed.
    fn send(&mut self, frame: &[u8]) -> Result<(), Self::Error>;
    /// Sends a command to the actuators.
    fn actuate(&mut self, command: &Command<ACT>);
    /// Makes the actuators safe.
    fn make_safe(&mut self);
    /// Feeds the watchdog.
    fn feed(&mut self);
    /// Logs an event. Never waits.
    fn log(&mut self, tick: u32, event: &Event);
    /// Called when the host has said goodbye.
    fn goodbye(&mut self);
    /// The clock of [`Measurement`](crate::protocol::Measurement).
    fn cycles(&self) -> u32;
    /// Ticks of that clock since `begin`.
    fn cycles_since(&self, begin: u32) -> u32;
    /// Largest number of bytes of stack that was in use since the start.
    fn stack_high_water(&self) -> u32;
    /// Takes a part of a new image and returns the number of bytes received so far. Called in SAFE only.
    ///
    /// # Errors
    /// [`UpdateError`].
    fn transfer(&mut self, _transfer: &Transfer) -> Result<u32, UpdateError> {
        Err(UpdateError::Unsupported)
    }
    /// Called after a complete update: the machine must start the loop again with the new image.
    ///
    /// # Errors
    /// The end of this loop.
    fn restart(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
    /// Stores the stage of the trial beyond the next reset. Returns false when that fails.
    fn keep(&mut self, _stage: Stage) -> bool {
        true
    }
}
