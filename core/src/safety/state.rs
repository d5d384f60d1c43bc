//! The safety state machine: RUN, HOLD, FALLBACK, SAFE.
//!
//! | mode | the actuators follow |
//! |---|---|
//! | [`Run`](Mode::Run) | the policy |
//! | [`Hold`](Mode::Hold) | the last command, for a few ticks |
//! | [`Fallback`](Mode::Fallback) | the fallback controller |
//! | [`Safe`](Mode::Safe) | no command: they are safe until the host arms the controller again |
//!
//! One call per tick decides the mode in which this tick ends. A transition to a less trusting mode is
//! immediate, a transition to RUN takes several clean ticks in a row, and SAFE is left only after arming.

use super::fault::Fault;
use serde::{Deserialize, Serialize};

/// A mode of the safety state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// The policy acts.
    Run,
    /// The actuators keep the last command.
    Hold,
    /// The fallback controller acts.
    Fallback,
    /// The actuators are safe.
    Safe,
}

/// Why a mode was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// The program has just started.
    Boot,
    /// Enough clean ticks in a row.
    Recovered,
    /// The guard refused the observation.
    Observation(Fault),
    /// The guard refused the policy's output.
    Action(Fault),
    /// Too many late ticks in a window.
    Late,
    /// The prediction error was too large for too long.
    Monitor,
    /// The fallback controller has no usable command.
    NoFallback,
    /// The fallback controller has acted for the longest allowed time.
    FallbackExpired,
    /// The host disarmed the controller or said goodbye.
    Disarmed,
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Boot => f.write_str("the program has started"),
            Self::Recovered => f.write_str("enough clean ticks in a row"),
            Self::Observation(fault) => write!(f, "observation refused: {fault}"),
            Self::Action(fault) => write!(f, "action refused: {fault}"),
            Self::Late => f.write_str("too many late ticks"),
            Self::Monitor => f.write_str("the model's prediction is off"),
            Self::NoFallback => f.write_str("the fallback controller has no usable command"),
            Self::FallbackExpired => f.write_str("the fallback controller acted long enough"),
            Self::Disarmed => f.write_str("disarmed"),
        }
    }
}

/// The result of the checks of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All checks passed.
    Clean,
    /// The policy has no usable command in this tick; it may have one in the next tick.
    Skip(Reason),
    /// The policy has a command, but cannot be trusted now.
    Distrust(Reason),
    /// The actuators must be safe at once.
    Stop(Reason),
}

/// A change of mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Edge {
    /// The mode before.
    pub from: Mode,
    /// The mode after.
    pub to: Mode,
    /// Why the mode changed.
    pub reason: Reason,
}

/// The debounce times of the safety state machine, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debounce {
    /// Largest number of ticks in HOLD; 0 switches HOLD off.
    pub hold: u16,
    /// Largest number of ticks in FALLBACK; 0 sets no limit.
    pub fallback: u16,
    /// Clean ticks in a row that lead from HOLD to RUN; at least 1.
    pub resume: u16,
    /// Clean ticks in a row that lead from FALLBACK to RUN; at least 1.
    pub recover: u16,
    /// Clean ticks in a row that lead from SAFE to RUN once armed; at least 1.
    pub arm: u16,
}

impl Debounce {
    /// HOLD for at most three ticks, FALLBACK without limit, RUN again after 25 clean ticks.
    pub const DEFAULT: Self = Self { hold: 3, fallback: 0, resume: 1, recover: 25, arm: 1 };
}

impl Default for Debounce {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The safety state machine.
#[derive(Clone, Copy, Debug)]
pub struct StateMachine {
    debounce: Debounce,
    mode: Mode,
    armed: bool,
    /// Number of ticks in the present mode.
    spent: u16,
    /// Number of clean ticks in a row.
    clean: u16,
}

impl StateMachine {
    /// A state machine in SAFE, not armed.
    #[must_use]
    pub const fn new(debounce: Debounce) -> Self {
        Self { debounce, mode: Mode::Safe, armed: false, spent: 0, clean: 0 }
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether clean ticks lead out of SAFE.
    #[must_use]
    pub const fn armed(&self) -> bool {
        self.armed
    }

    /// Arms the state machine: clean ticks lead out of SAFE. In any other mode it changes nothing.
    pub fn arm(&mut self) {
        if self.mode == Mode::Safe {
            (self.armed, self.clean) = (true, 0);
        }
    }

    /// Decides the mode of this tick and returns the change, if the mode changes.
    /// `fallback` tells whether the fallback controller has a usable command for this tick. Never
    /// panics.
    ///
    /// ```
    /// use daa_core::safety::state::{Edge, Health, StateMachine, Mode, Debounce, Reason};
    /// let mut state = StateMachine::new(Debounce { hold: 1, ..Debounce::default() });
    /// assert_eq!(state.tick(Health::Clean, true), None); // Not armed: SAFE.
    /// state.arm();
    /// assert_eq!(state.tick(Health::Clean, true).map(|edge| edge.to), Some(Mode::Run));
    /// let lost = Health::Skip(Reason::Late);
    /// assert_eq!(state.tick(lost, false).map(|edge| edge.to), Some(Mode::Hold));
    /// let edge = Edge { from: Mode::Hold, to: Mode::Safe, reason: Reason::NoFallback };
    /// assert_eq!(state.tick(lost, false), Some(edge));
    /// ```
    pub fn tick(&mut self, health: Health, fallback: bool) -> Option<Edge> {
        self.clean = if health == Health::Clean { self.clean.saturating_add(1) } else { 0 };
        self.spent = self.spent.saturating_add(1);
        let (to, reason) = self.next(health, fallback)?;
        let edge = Edge { from: self.mode, to, reason };
        (self.mode, self.armed, self.spent, self.clean) = (to, false, 0, 0);
        Some(edge)
    }

    fn next(&self, health: Health, fallback: bool) -> Option<(Mode, Reason)> {
        let debounce = &self.debounce;
        let enough = |ticks: u16| self.clean >= ticks.max(1);
        let fall = |reason| {
            Some(if fallback { (Mode::Fallback, reason) } else { (Mode::Safe, Reason::NoFallback) })
        };
        let run = Some((Mode::Run, Reason::Recovered));
        match (self.mode, health) {
            (Mode::Safe, Health::Clean) => run.filter(|_| self.armed && enough(debounce.arm)),
            (Mode::Safe, _) => None,
            (_, Health::Stop(reason)) => Some((Mode::Safe, reason)),
            (Mode::Run, Health::Clean) => None,
            (Mode::Run, Health::Skip(reason)) if debounce.hold > 0 => Some((Mode::Hold, reason)),
            (Mode::Hold, Health::Clean) if enough(debounce.resume) => run,
            // The tick that entered HOLD counts as held.
            (Mode::Hold, Health::Skip(_)) if self.spent < debounce.hold => None,
            (Mode::Hold, Health::Clean) => None,
            (Mode::Run | Mode::Hold, Health::Skip(reason) | Health::Distrust(reason)) => {
                fall(reason)
            }
            (Mode::Fallback, Health::Clean) if enough(debounce.recover) => run,
            (Mode::Fallback, _) if !fallback => Some((Mode::Safe, Reason::NoFallback)),
            (Mode::Fallback, _) if debounce.fallback > 0 && self.spent >= debounce.fallback => {
                Some((Mode::Safe, Reason::FallbackExpired))
            }
            (Mode::Fallback, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::vec::Vec;

    const DEBOUNCE: Debounce = Debounce { hold: 2, fallback: 4, resume: 2, recover: 3, arm: 2 };
    const SKIP: Reason = Reason::Observation(Fault::Stale { channel: 0 });
    const INPUTS: [Health; 4] = [
        Health::Clean,
        Health::Skip(SKIP),
        Health::Distrust(Reason::Monitor),
        Health::Stop(Reason::Disarmed),
    ];

    fn in_mode(mode: Mode) -> StateMachine {
        StateMachine { mode, ..StateMachine::new(DEBOUNCE) }
    }

    #[test]
    fn the_first_tick_in_every_mode_with_every_input() {
        use Mode::{Fallback, Hold, Run, Safe};
        // Rows: modes. Columns: inputs with, then without a fallback command.
        let table = [
            (
                Run,
                [None, Some(Hold), Some(Fallback), Some(Safe)],
                [None, Some(Hold), Some(Safe), Some(Safe)],
            ),
            (Hold, [None, None, Some(Fallback), Some(Safe)], [None, None, Some(Safe), Some(Safe)]),
            (Fallback, [None, None, None, Some(Safe)], [Some(Safe); 4]),
            (Safe, [None; 4], [None; 4]),
        ];
        for (mode, with, without) in table {
            for (fallback, expected) in [(true, with), (false, without)] {
                for (health, expected) in INPUTS.into_iter().zip(expected) {
                    let edge = in_mode(mode).tick(health, fallback);
                    assert_eq!(edge.map(|e| e.to), expected, "{mode:?} {health:?} {fallback}");
                    assert!(edge.is_none_or(|edge| edge.from == mode));
                }
            }
        }
    }

    #[test]
    fn the_boundaries_of_every_debounce_time() {
        let modes = |mode: Mode, armed: bool, health: Health, ticks: usize| -> Vec<Mode> {
            let mut state = StateMachine { armed, ..in_mode(mode) };
            let mut tick = || {
                state.tick(health, true);
                state.mode()
            };
            (0..ticks).map(|_| tick()).collect()
        };
        use Mode::{Fallback, Hold, Run, Safe};
        let skip = Health::Skip(SKIP);
        // Two ticks are held, the third falls back, four are acted by the fallback, then safe.
        assert_eq!(
            modes(Run, false, skip, 8),
            [Hold, Hold, Fallback, Fallback, Fallback, Fallback, Safe, Safe]
        );
        assert_eq!(modes(Fallback, false, Health::Clean, 4), [Fallback, Fallback, Run, Run]);
        assert_eq!(modes(Hold, false, Health::Clean, 2), [Hold, Run]);
        assert_eq!(modes(Safe, true, Health::Clean, 3), [Safe, Run, Run]);
        assert_eq!(modes(Safe, false, Health::Clean, 3), [Safe, Safe, Safe]);
    }

    /// The reasons of all edges when a state meets these inputs.
    fn reasons(mut state: StateMachine, inputs: &[(Health, bool)]) -> Vec<Reason> {
        let edges = inputs.iter().filter_map(|(health, fallback)| state.tick(*health, *fallback));
        edges.map(|edge| edge.reason).collect()
    }

    #[test]
    fn every_edge_says_why() {
        let skip = Health::Skip(SKIP);
        let distrust = Health::Distrust(Reason::Monitor);
        let (clean, with) = (Health::Clean, true);
        // Two ticks are held, the third falls back, four are acted by the fallback, then safe.
        let expired = [SKIP, SKIP, Reason::FallbackExpired];
        assert_eq!(reasons(in_mode(Mode::Run), &[(skip, with); 8]), expired);
        assert_eq!(
            reasons(
                in_mode(Mode::Run),
                &[(distrust, with), (clean, with), (clean, with), (clean, with)]
            ),
            [Reason::Monitor, Reason::Recovered]
        );
        assert_eq!(reasons(in_mode(Mode::Hold), &[(clean, with); 2]), [Reason::Recovered]);
        assert_eq!(reasons(in_mode(Mode::Run), &[(distrust, false)]), [Reason::NoFallback]);
        let disarmed = [(Health::Stop(Reason::Disarmed), with)];
        assert_eq!(reasons(in_mode(Mode::Run), &disarmed), [Reason::Disarmed]);
        let armed = StateMachine { armed: true, ..in_mode(Mode::Safe) };
        assert_eq!(reasons(armed, &[(clean, with); 3]), [Reason::Recovered]);
        assert_eq!(reasons(in_mode(Mode::Safe), &[(clean, with); 3]), []);
    }

    #[test]
    fn a_bad_tick_starts_the_count_of_clean_ones_again() {
        let mut state = in_mode(Mode::Fallback);
        for health in [Health::Clean, Health::Clean, INPUTS[2]] {
            assert_eq!(state.tick(health, true), None);
        }
        state.spent = 0;
        for expected in [Mode::Fallback, Mode::Fallback, Mode::Run] {
            state.tick(Health::Clean, true);
            assert_eq!(state.mode(), expected);
        }
    }

    type States = HashSet<(Mode, bool)>;
    type Edges = HashSet<(Mode, Mode)>;

    /// Every state that any sequence of inputs reaches, arming left out or not.
    fn reachable(may_arm: bool, start: StateMachine) -> (States, Edges) {
        let key = |l: &StateMachine| (l.mode as u8, l.armed, l.spent.min(6), l.clean.min(6));
        let (mut seen, mut queue) = (HashSet::new(), Vec::from([start]));
        let (mut states, mut edges) = (HashSet::new(), HashSet::new());
        while let Some(state) = queue.pop() {
            if !seen.insert(key(&state)) {
                continue;
            }
            states.insert((state.mode, state.armed));
            for health in INPUTS {
                for fallback in [false, true] {
                    let mut next = state;
                    let edge = next.tick(health, fallback);
                    // Logged exactly when the mode changes, and truly.
                    assert_eq!(edge.is_some(), next.mode != state.mode);
                    if let Some(edge) = edge {
                        assert_eq!((edge.from, edge.to), (state.mode, next.mode));
                        edges.insert((edge.from, edge.to));
                    }
                    queue.push(next);
                }
            }
            if may_arm {
                let mut armed = state;
                armed.arm();
                queue.push(armed);
            }
        }
        (states, edges)
    }

    #[test]
    fn all_transitions_are_these_and_none_leads_from_safe_to_run_without_arming() {
        use Mode::{Fallback, Hold, Run, Safe};
        let (states, edges) = reachable(true, StateMachine::new(DEBOUNCE));
        let expected = [
            (Run, Hold),
            (Run, Fallback),
            (Run, Safe),
            (Hold, Run),
            (Hold, Fallback),
            (Hold, Safe),
            (Fallback, Run),
            (Fallback, Safe),
            (Safe, Run),
        ];
        assert_eq!(edges, HashSet::from(expected));
        assert!(states.iter().all(|(mode, armed)| *mode == Safe || !armed));
        for start in [in_mode(Safe), in_mode(Run), in_mode(Fallback)] {
            let (_, edges) = reachable(false, start);
            assert!(!edges.iter().any(|(from, _)| *from == Safe), "{edges:?}");
        }
    }
}
