//! The control loop: wait, tick, actuate, feed the watchdog, reply, log.

use super::events::Event;
use super::inbox::{Inbox, Incoming};
use super::machine::Machine;
use super::networks::Networks;
use super::tick::{Actuation, Supervisor};
use super::trial::Trial;
use crate::image::MAX_ACTIONS;
use crate::protocol::{
    Identity, Measurement, Policies, Refusal, Reply, Transfer, encode, frame_capacity,
};
use crate::safety::{Fallback, Mode};
use crate::update::{Stage, TrialLength, UpdateError};
use core::hint::black_box;
use nalgebra::SVector;

/// A supervisor and its link to the host. `CAPACITY` is [`frame_capacity`] of `OBS`.
#[derive(Clone, Debug)]
pub struct Session<B, F, const OBS: usize, const ACT: usize, const CAPACITY: usize> {
    supervisor: Supervisor<B, F, OBS, ACT>,
    inbox: Inbox<OBS, CAPACITY>,
    identity: Identity,
    /// Whether a reading arrived since the last tick.
    fresh: bool,
    /// The sequence number of the request that the next tick answers.
    asked: Option<u32>,
    /// Number of messages handled since a tick became due.
    overdue: u8,
    /// The policy that does not act, during a trial.
    trial: Option<Trial<B, F, OBS, ACT>>,
}

/// Largest number of messages that are handled before a tick that is due.
const MAX_OVERDUE: u8 = 8;

impl<B, F, const OBS: usize, const ACT: usize, const CAPACITY: usize>
    Session<B, F, OBS, ACT, CAPACITY>
where
    B: Networks<OBS, ACT>,
    F: Fallback<OBS, ACT>,
{
    /// A session before the first message.
    #[must_use]
    pub fn new(supervisor: Supervisor<B, F, OBS, ACT>, identity: Identity) -> Self {
        const { assert!(CAPACITY >= frame_capacity(OBS), "a frame of all observations fits") };
        Self {
            supervisor,
            inbox: Inbox::new(),
            identity,
            fresh: false,
            asked: None,
            overdue: 0,
            trial: None,
        }
    }

    /// Starts the trial of a new policy, in shadow. The new policy must have the same control period.
    #[must_use]
    pub fn with_trial(
        mut self,
        supervisor: Supervisor<B, F, OBS, ACT>,
        identity: Identity,
        length: TrialLength,
    ) -> Self {
        self.add_trial(supervisor, identity, length);
        self
    }

    /// [`with_trial`](Self::with_trial) without a move.
    pub fn add_trial(
        &mut self,
        supervisor: Supervisor<B, F, OBS, ACT>,
        identity: Identity,
        length: TrialLength,
    ) {
        self.trial = Some(Trial::new(supervisor, identity, length));
    }

    /// The acting policy, and the state of a trial.
    #[must_use]
    pub fn policies(&self) -> Policies {
        let acting = self.identity.image_checksum;
        let alone = Policies { acting, other: None, stage: Stage::Confirmed, passed: 0 };
        self.trial.as_ref().map_or(alone, |trial| trial.policies(&self.identity))
    }

    /// The controller.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor<B, F, OBS, ACT> {
        &self.supervisor
    }

    /// Runs the loop until the machine reports an error.
    ///
    /// # Errors
    /// [`Machine::Error`].
    pub fn run<M: Machine<ACT>>(
        &mut self,
        machine: &mut M,
    ) -> Result<core::convert::Infallible, M::Error> {
        loop {
            self.step(machine)?;
        }
    }

    /// Handles one message, or does one control tick when a tick is due and no message is left: after a
    /// stall the tick uses the readings that arrived meanwhile.
    ///
    /// # Errors
    /// [`Machine::Error`].
    pub fn step<M: Machine<ACT>>(&mut self, machine: &mut M) -> Result<(), M::Error> {
        let due = self.supervisor.period().is_due(machine.now(), self.fresh);
        let wait = self.supervisor.period().wait(machine.now(), self.fresh);
        // A link that is never silent must not delay the tick for ever.
        let may_receive = !due || self.overdue < MAX_OVERDUE;
        let wait = if due { 0 } else { wait.max(1) };
        let incoming = match may_receive {
            true => self.inbox.newest(|bytes| machine.receive(bytes, wait))?,
            false => None,
        };
        let now = machine.now();
        match incoming {
            Some(incoming) => {
                self.overdue = if due { self.overdue.saturating_add(1) } else { 0 };
                self.handle(machine, incoming)?;
            }
            None if self.supervisor.period().due(now, self.fresh) => {
                self.overdue = 0;
                self.control(machine, now)?;
            }
            // The actuators are safe, so a late tick does no harm: keep the watchdog fed.
            None if self.supervisor.mode() == Mode::Safe => machine.feed(),
            None => {}
        }
        while let Some((tick, event)) = self.supervisor.event() {
            machine.log(tick, &event);
        }
        Ok(())
    }

    fn control<M: Machine<ACT>>(&mut self, machine: &mut M, now: u32) -> Result<(), M::Error> {
        self.fresh = false;
        let (mode, ticks) = self.drive(machine, now);
        if let Some(sequence) = self.asked.take() {
            let reply = match self.supervisor.output() {
                Some(action) => Reply::Action {
                    sequence,
                    action: action.iter().copied().collect(),
                    ticks,
                    mode,
                },
                None => {
                    let reason = Refusal::Safe(self.supervisor.reason());
                    Reply::Refused { sequence, reason }
                }
            };
            send(machine, &reply)?;
        }
        let observed = self.supervisor.observed();
        self.supervisor.reflect();
        if let Some(trial) = &mut self.trial {
            let (acting, identity) = (&mut self.supervisor, &mut self.identity);
            if !trial.watch(acting, identity, observed.as_ref(), machine) {
                self.trial = None;
            }
        }
        Ok(())
    }

    /// The part of the loop that the actuators wait for: the tick, its command, the watchdog. Returns the
    /// mode, and the duration of the tick.
    // Not inlined, as the tick.
    #[inline(never)]
    fn drive<M: Machine<ACT>>(&mut self, machine: &mut M, now: u32) -> (Mode, u32) {
        let begin = machine.cycles();
        let outcome = self.supervisor.tick(now);
        let ticks = machine.cycles_since(begin);
        match &outcome.actuation {
            Actuation::Follow(command) => machine.actuate(command),
            Actuation::Keep => {}
            Actuation::Safe => machine.make_safe(),
        }
        if outcome.good {
            machine.feed();
        }
        (outcome.mode, ticks)
    }

    fn handle<M: Machine<ACT>>(
        &mut self,
        machine: &mut M,
        incoming: Incoming<OBS>,
    ) -> Result<(), M::Error> {
        let reply = match incoming {
            Incoming::Readings { sequence, time_us, signals } => {
                machine.plant_time(time_us);
                let now = machine.now();
                for (channel, value) in signals.iter().enumerate() {
                    if let Some(value) = value {
                        self.supervisor.signals().set(channel, *value, now);
                        self.fresh = true;
                    }
                }
                if self.fresh || self.supervisor.period().started() {
                    // The tick sends the answer.
                    self.asked = Some(sequence);
                    return Ok(());
                }
                Reply::Refused { sequence, reason: Refusal::Safe(self.supervisor.reason()) }
            }
            Incoming::Hello => Reply::Hello(self.identity),
            Incoming::Arm => {
                if self.supervisor.mode() == Mode::Safe {
                    (self.fresh, self.asked) = (false, None);
                }
                self.supervisor.arm();
                Reply::Status(self.supervisor.status())
            }
            Incoming::Status => Reply::Status(self.supervisor.status()),
            Incoming::Disarm => {
                self.disarm(machine);
                Reply::Status(self.supervisor.status())
            }
            Incoming::Plan(plan) => Reply::Planned(self.supervisor.networks_mut().plan(plan)),
            Incoming::Planned => Reply::Planned(self.supervisor.networks().planned()),
            Incoming::Policies => Reply::Policies(self.policies()),
            Incoming::Transfer(transfer) => {
                let result = self.transfer(machine, &transfer);
                send(machine, &Reply::Transfer(result))?;
                return match (transfer, result) {
                    (Transfer::Commit, Ok(_)) => machine.restart(),
                    _ => Ok(()),
                };
            }
            Incoming::Measure(observation) => match self.measure(machine, &observation) {
                Ok(measurement) => Reply::Measured(measurement),
                Err(reason) => self.refuse(0, reason),
            },
            Incoming::Refused { sequence, reason } => self.refuse(sequence, reason),
            Incoming::Goodbye => {
                self.disarm(machine);
                machine.goodbye();
                return Ok(());
            }
        };
        send(machine, &reply)
    }

    fn disarm<M: Machine<ACT>>(&mut self, machine: &mut M) {
        machine.make_safe();
        self.supervisor.disarm();
        let now = machine.now();
        let _ = self.supervisor.tick(now);
    }

    fn transfer<M: Machine<ACT>>(
        &mut self,
        machine: &mut M,
        transfer: &Transfer,
    ) -> Result<u32, UpdateError> {
        if self.supervisor.mode() != Mode::Safe {
            return Err(UpdateError::NotSafe);
        }
        if let Some(trial) = &self.trial {
            if trial.stage() == Stage::Trial {
                return Err(UpdateError::OnTrial);
            }
            // The update erases the slot of the policy in shadow.
            self.trial = None;
        }
        let result = machine.transfer(transfer);
        // The actuators are safe. A host that sends piece after piece leaves no other moment to feed.
        machine.feed();
        result
    }

    fn refuse(&mut self, sequence: u32, reason: Refusal) -> Reply<MAX_ACTIONS> {
        self.supervisor.note(Event::Refused { sequence, reason });
        Reply::Refused { sequence, reason }
    }

    /// Measures a decision, the policy's network and a prediction.
    fn measure<M: Machine<ACT>>(
        &self,
        machine: &M,
        observation: &SVector<f32, OBS>,
    ) -> Result<Measurement, Refusal> {
        let networks = self.supervisor.networks();
        // Decide once before, so that the measurement does not depend on what ran before.
        let action = self.supervisor.decide(observation)?;
        let obs = networks.normalise(observation);
        let cost = |work: &dyn Fn()| {
            let begin = machine.cycles();
            work();
            machine.cycles_since(begin)
        };
        Ok(Measurement {
            empty: cost(&|| {}),
            network: cost(&|| {
                black_box(networks.network(black_box(&obs)));
            }),
            decision: cost(&|| {
                let _ = black_box(self.supervisor.decide(black_box(observation)));
            }),
            prediction: cost(&|| {
                black_box(networks.predict(&networks.normalise(black_box(observation)), &action));
            }),
            stack_high_water: machine.stack_high_water(),
        })
    }
}

fn send<const ACT: usize, M: Machine<ACT>>(
    machine: &mut M,
    reply: &Reply<MAX_ACTIONS>,
) -> Result<(), M::Error> {
    let mut buffer = [0; frame_capacity(MAX_ACTIONS)];
    match encode(reply, &mut buffer) {
        Ok(frame) => machine.send(frame),
        // Unreachable: no reply is longer than the buffer.
        Err(_) => Ok(()),
    }
}
