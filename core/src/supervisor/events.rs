//! Events of the control ticks, stored until there is time to log them.

use crate::protocol::Refusal;
use crate::safety::state::Edge;
use crate::update::Stage;
use heapless::Deque;

/// An event of a control tick.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The mode changed.
    Edge(Edge),
    /// The monitor's error was above its warning level for too long.
    Warning {
        /// The monitor's score.
        score: f32,
    },
    /// A message was refused.
    Refused {
        /// The request's sequence number, 0 when it could not be read.
        sequence: u32,
        /// Why the message was refused.
        reason: Refusal,
    },
    /// A new policy reached the next stage, or was rejected.
    Policy {
        /// CRC-32 of its image.
        checksum: u32,
        /// The stage that the policy reached.
        stage: Stage,
    },
}

/// A bounded ring of events, with the control tick of each. Writing never waits: events that do not fit
/// are dropped and counted.
#[derive(Clone, Debug)]
pub struct Events<const CAPACITY: usize> {
    ring: Deque<(u32, Event), CAPACITY>,
    dropped: u32,
}

impl<const CAPACITY: usize> Events<CAPACITY> {
    /// An empty ring.
    #[must_use]
    pub const fn new() -> Self {
        Self { ring: Deque::new(), dropped: 0 }
    }

    /// Stores an event, or drops and counts it when the ring is full.
    pub fn push(&mut self, tick: u32, event: Event) {
        if self.ring.push_back((tick, event)).is_err() {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Takes the oldest event.
    pub fn pop(&mut self) -> Option<(u32, Event)> {
        self.ring.pop_front()
    }

    /// Number of dropped events since the start.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.dropped
    }
}

impl<const CAPACITY: usize> Default for Events<CAPACITY> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_keeps_the_oldest_and_counts_what_it_drops() {
        let mut events = Events::<3>::new();
        for tick in 0..10 {
            events.push(tick, Event::Warning { score: tick as f32 });
        }
        assert_eq!(events.dropped(), 7);
        for tick in 0..3 {
            assert_eq!(events.pop(), Some((tick, Event::Warning { score: tick as f32 })));
        }
        assert_eq!(events.pop(), None);
        events.push(11, Event::Warning { score: 0.0 });
        assert_eq!((events.pop().map(|(tick, _)| tick), events.dropped()), (Some(11), 7));
    }
}
