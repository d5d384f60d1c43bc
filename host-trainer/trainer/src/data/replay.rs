//! The replay buffer: what the dynamics model learns from.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `observation`, `next` | `[D]` | raw, as the environment gave them |
//! | `action` | `[A]` | raw; the model sees it clamped, as the environment does |
//! | `reward` | scalar | summed over the action repeat, not scaled |

use crate::rollout::Batch;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

/// A ring of transitions of one seed. The newest can be drawn at once; a draw costs O(batch).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayBuffer {
    capacity: usize,
    observations: usize,
    actions: usize,
    /// `[len, 2 D + A + 1]`
    numbers: Vec<f32>,
    /// Index of the oldest transition once the ring is full: the next one replaces it.
    next: usize,
}

/// A transition, borrowed from a buffer or a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition<'a> {
    /// `[D]`
    pub observation: &'a [f32],
    /// `[A]`
    pub action: &'a [f32],
    /// Reward of the decision.
    pub reward: f32,
    /// `[D]`
    pub next: &'a [f32],
}

impl<'a> Transition<'a> {
    /// Row `row` of a batch.
    pub(super) fn of(batch: &'a Batch, row: usize) -> Self {
        let rows = batch.rewards.len();
        let of = |numbers: &'a [f32]| {
            let width = numbers.len() / rows;
            &numbers[row * width..(row + 1) * width]
        };
        Self {
            observation: of(&batch.observations),
            action: of(&batch.actions),
            reward: batch.rewards[row],
            next: of(&batch.next_observations),
        }
    }
}

/// Adds a batch to the buffers, one a seed. The indices of its transitions in each buffer.
pub fn store(buffers: &mut [ReplayBuffer], batch: &Batch) -> Vec<Vec<usize>> {
    let states = batch.rewards.len() / buffers.len().max(1);
    let newest = buffers.iter_mut().enumerate().map(|(s, buffer)| {
        let rows = s * states..(s + 1) * states;
        rows.map(|row| buffer.push(Transition::of(batch, row))).collect()
    });
    newest.collect()
}

impl ReplayBuffer {
    /// An empty ring.
    #[must_use]
    pub fn new(capacity: usize, observations: usize, actions: usize) -> Self {
        Self { capacity: capacity.max(1), observations, actions, numbers: Vec::new(), next: 0 }
    }

    fn width(&self) -> usize {
        2 * self.observations + self.actions + 1
    }

    /// Whether this buffer, read from a file, can replace `other`: equal capacity and row width, and only
    /// finite numbers.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        let sizes = |ring: &Self| [ring.capacity, ring.observations, ring.actions];
        // The sizes are compared first: the number of rows is computed from them.
        sizes(self) == sizes(other)
            && self.numbers.len().is_multiple_of(self.width())
            && self.len() <= self.capacity
            && (self.next == 0 || self.len() == self.capacity && self.next < self.capacity)
            && self.numbers.iter().all(|number| number.is_finite())
    }

    /// Bytes of the numbers of a full ring.
    #[must_use]
    pub fn largest(&self) -> u64 {
        (self.capacity as u64).saturating_mul(4 * self.width() as u64)
    }

    /// Number of transitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len() / self.width()
    }

    /// Whether the buffer holds no transition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Adds a transition and returns its index. In a full ring it replaces the oldest one.
    pub fn push(&mut self, transition: Transition<'_>) -> usize {
        let parts =
            [transition.observation, transition.action, &[transition.reward], transition.next];
        if self.len() < self.capacity {
            parts.into_iter().for_each(|part| self.numbers.extend_from_slice(part));
            return self.len() - 1;
        }
        let index = self.next;
        let width = self.width();
        let mut slot = &mut self.numbers[self.next * width..(self.next + 1) * width];
        for part in parts {
            let (head, tail) = slot.split_at_mut(part.len());
            head.copy_from_slice(part);
            slot = tail;
        }
        self.next = (self.next + 1) % self.capacity;
        index
    }

    /// Transition `index`, in no particular order of time.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    #[must_use]
    pub fn get(&self, index: usize) -> Transition<'_> {
        let width = self.width();
        let numbers = &self.numbers[index * width..(index + 1) * width];
        let (observation, rest) = numbers.split_at(self.observations);
        let (action, rest) = rest.split_at(self.actions);
        Transition { observation, action, reward: rest[0], next: &rest[1..] }
    }

    /// A transition drawn uniformly.
    ///
    /// # Panics
    /// When the buffer is empty.
    #[must_use]
    pub fn draw(&self, rng: &mut impl Rng) -> Transition<'_> {
        self.get(rng.random_range(0..self.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daa_envs::streams::{Purpose, stream};

    fn push(buffer: &mut ReplayBuffer, i: usize) {
        let i = i as f32;
        let next = [i + 1.0, -i - 1.0];
        buffer.push(Transition {
            observation: &[i, -i],
            action: &[10.0 * i],
            reward: 0.5 * i,
            next: &next,
        });
    }

    #[test]
    fn a_transition_comes_back_whole() {
        let mut buffer = ReplayBuffer::new(4, 2, 1);
        push(&mut buffer, 3);
        let expected = Transition {
            observation: &[3.0, -3.0],
            action: &[30.0],
            reward: 1.5,
            next: &[4.0, -4.0],
        };
        assert_eq!(buffer.get(0), expected);
    }

    #[test]
    fn the_newest_is_drawn_and_the_oldest_forgotten() {
        let mut buffer = ReplayBuffer::new(5, 2, 1);
        (0..13).for_each(|i| push(&mut buffer, i));
        assert_eq!(buffer.get(buffer.next).observation[0], 8.0);
        let mut rng = stream(1, Purpose::Replay, 0);
        let mut seen: Vec<f32> = (0..500).map(|_| buffer.draw(&mut rng).observation[0]).collect();
        seen.sort_by(f32::total_cmp);
        seen.dedup();
        assert_eq!(seen, [8.0, 9.0, 10.0, 11.0, 12.0]);
    }
}
