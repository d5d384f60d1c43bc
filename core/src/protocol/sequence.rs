//! Sequence numbers of requests.

use super::message::Refusal;

/// Accepts sequence numbers that are newer than the last one, in wrapping arithmetic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    last: Option<u32>,
    lost: u32,
}

impl Sequence {
    /// The state before the first message.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, lost: 0 }
    }

    /// Accepts a newer number and counts the skipped numbers.
    ///
    /// # Errors
    /// [`Refusal::Stale`] for the last number, and for the 2^31 numbers before it.
    ///
    /// ```
    /// use daa_core::protocol::{Refusal, Sequence};
    /// let mut sequence = Sequence::new();
    /// assert_eq!(sequence.accept(u32::MAX), Ok(()));
    /// assert_eq!(sequence.accept(1), Ok(()));
    /// assert_eq!(sequence.accept(1), Err(Refusal::Stale));
    /// assert_eq!(sequence.lost(), 1);
    /// ```
    pub fn accept(&mut self, number: u32) -> Result<(), Refusal> {
        if let Some(last) = self.last {
            let ahead = number.wrapping_sub(last);
            if ahead == 0 || ahead > u32::MAX / 2 {
                return Err(Refusal::Stale);
            }
            self.lost = self.lost.wrapping_add(ahead - 1);
        }
        self.last = Some(number);
        Ok(())
    }

    /// Number of skipped numbers.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }
}
