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

/// A supervisor and its link. `CAPACITY` is [`frame_capacity`] of `OBS`.
#[derive(Clone, Debug)]
pub struct Session<B, F, const OBS: usize, const ACT: usize, const CAPACITY: usize> {
    supervisor: Supervisor<B, F, OBS, ACT>,
    inbox: Inbox<OBS, CAPACITY>,
    identity: Identity,
    /// A reading came since the last tick.
    fresh: bool,
    /// The request that the next tick answers.
    asked: Option<u32>,
    /// Messages handled since the tick was due.
    overdue: u8,
    /// The other policy, while a new one proves itself.
    trial: Option<Trial<B, F, OBS, ACT>>,
}

/// Messages that may still be handled when a tick is due.
const MAX_OVERDUE: u8 = 8;

impl<B, F, const OBS: usize, const ACT: usize, const CAPACITY: usize>
    Session<B, F, OBS, ACT, CAPACITY>
where
    B: Networks<OBS, ACT>,
    F: Fallback<OBS, ACT>,
{
    /// Before the first message.
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

    /// Lets a new policy prove itself: in shadow first. It must have the same control period.
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

    /// Who acts, and how far a new one has come.
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

    /// For ever.
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

    /// One message, or one control tick when it is due and no message is left: a tick after a stall
    /// sees what came meanwhile.
    ///
    /// # Errors
    /// [`Machine::Error`].
    pub fn step<M: Machine<ACT>>(&mut self, machine: &mut M) -> Result<(), M::Error> {
        let due = self.supervisor.period().is_due(machine.now(), self.fresh);
        let wait = self.supervisor.period().wait(machine.now(), self.fresh);
        // A link that never falls silent does not keep the tick waiting.
        let patient = !due || self.overdue < MAX_OVERDUE;
        let wait = if due { 0 } else { wait.max(1) };
        let incoming = match patient {
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
            // Nobody drives: a program that hangs is not noticed by the actuators.
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

    /// All that the actuators wait for: the tick, what it tells them, the watchdog. Returns the mode, and what
    /// the tick cost.
    // A symbol of its own, as the tick.
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
                    // The tick answers.
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
            // Its memory may be erased now.
            self.trial = None;
        }
        let result = machine.transfer(transfer);
        // Nobody drives, and a host that sends piece after piece leaves no other moment.
        machine.feed();
        result
    }

    fn refuse(&mut self, sequence: u32, reason: Refusal) -> Reply<MAX_ACTIONS> {
        self.supervisor.note(Event::Refused { sequence, reason });
        Reply::Refused { sequence, reason }
    }

    /// The cost of a decision, of its network and of a prediction.
    fn measure<M: Machine<ACT>>(
        &self,
        machine: &M,
        observation: &SVector<f32, OBS>,
    ) -> Result<Measurement, Refusal> {
        let networks = self.supervisor.networks();
        // Once before, so that what is measured never depends on what ran last.
        let action = self.supervisor.decide(observation)?;
        let z = networks.normalise(observation);
        let cost = |work: &dyn Fn()| {
            let begin = machine.cycles();
            work();
            machine.cycles_since(begin)
        };
        Ok(Measurement {
            empty: cost(&|| {}),
            network: cost(&|| {
                black_box(networks.network(black_box(&z)));
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
        // No reply is longer than the buffer.
        Err(_) => Ok(()),
    }
}
