//! The hardware, as the control loop uses it.

use super::events::Event;
use crate::protocol::Transfer;
use crate::safety::Command;
use crate::update::{Stage, UpdateError};

/// Everything the loop asks of the hardware, or of what takes its place.
pub trait Machine<const ACT: usize> {
    /// Why the loop cannot go on.
    type Error;

    /// The control clock: wrapping ticks.
    fn now(&self) -> u32;
    /// A host told the plant's time, or that one control period of it has passed. Only a machine
    /// whose clock is the plant's listens.
    fn plant_time(&mut self, time_us: Option<u32>);
    /// Waits for bytes and returns their number: 0 after at most `wait` ticks, at once when that is 0.
    ///
    /// # Errors
    /// When there will be no more.
    fn receive(&mut self, bytes: &mut [u8], wait: u32) -> Result<usize, Self::Error>;
    /// Sends a frame.
    ///
    /// # Errors
    /// When there is nobody to send to.
    fn send(&mut self, frame: &[u8]) -> Result<(), Self::Error>;
    /// Lets the actuators follow a command.
    fn actuate(&mut self, command: &Command<ACT>);
    /// Makes the actuators safe.
    fn make_safe(&mut self);
    /// Feeds the watchdog.
    fn feed(&mut self);
    /// Logs an event without waiting for anybody.
    fn log(&mut self, tick: u32, event: &Event);
    /// The host has left.
    fn goodbye(&mut self);
    /// The clock of [`Measurement`].
    fn cycles(&self) -> u32;
    /// Its ticks since `begin`.
    fn cycles_since(&self, begin: u32) -> u32;
    /// Most bytes of stack that were ever in use.
    fn stack_high_water(&self) -> u32;
    /// Takes a new image, and returns how much of it has arrived. Called in SAFE only.
    ///
    /// # Errors
    /// [`UpdateError`].
    fn transfer(&mut self, _transfer: &Transfer) -> Result<u32, UpdateError> {
        Err(UpdateError::Unsupported)
    }
    /// There is a new image: the loop is to be started again with it.
    ///
    /// # Errors
    /// The end of this loop.
    fn restart(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
    /// Keeps what became of the trial beyond the next reset; false when that failed.
    fn keep(&mut self, _stage: Stage) -> bool {
        true
    }
}
