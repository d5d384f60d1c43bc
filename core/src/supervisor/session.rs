//! The loop: wait, tick, actuate, feed the watchdog, reply, log.

use super::candidate::Candidate;
use super::{Actuation, Brain, Event, Inbox, Incoming, Supervisor};
use crate::fallback::Fallback;
use crate::guard::Command;
use crate::image::MAX_ACTIONS;
use crate::ladder::Mode;
use crate::link::{
    Identity, Measurement, Policies, Refusal, Reply, Transfer, encode, frame_capacity,
};
use crate::slots::{Probation, Stage, UpdateError};
use core::hint::black_box;
use nalgebra::SVector;

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
    /// Keeps what became of the candidate beyond the next reset; false when that failed.
    fn keep(&mut self, _stage: Stage) -> bool {
        true
    }
}

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
    candidate: Option<Candidate<B, F, OBS, ACT>>,
}

/// Messages that may still be handled when a tick is due.
const MAX_OVERDUE: u8 = 8;

impl<B, F, const OBS: usize, const ACT: usize, const CAPACITY: usize>
    Session<B, F, OBS, ACT, CAPACITY>
where
    B: Brain<OBS, ACT>,
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
            candidate: None,
        }
    }

    /// Lets a new policy prove itself: in shadow first. It must have the same control period.
    #[must_use]
    pub fn with_candidate(
        mut self,
        supervisor: Supervisor<B, F, OBS, ACT>,
        identity: Identity,
        probation: Probation,
    ) -> Self {
        self.add_candidate(supervisor, identity, probation);
        self
    }

    /// [`with_candidate`](Self::with_candidate) without a move.
    pub fn add_candidate(
        &mut self,
        supervisor: Supervisor<B, F, OBS, ACT>,
        identity: Identity,
        probation: Probation,
    ) {
        self.candidate = Some(Candidate::new(supervisor, identity, probation));
    }

    /// Who acts, and how far a new one has come.
    #[must_use]
    pub fn policies(&self) -> Policies {
        let acting = self.identity.image_checksum;
        let alone = Policies { acting, other: None, stage: Stage::Confirmed, passed: 0 };
        self.candidate.as_ref().map_or(alone, |candidate| candidate.policies(&self.identity))
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
        if let Some(candidate) = &mut self.candidate {
            let (acting, identity) = (&mut self.supervisor, &mut self.identity);
            if !candidate.watch(acting, identity, observed.as_ref(), machine) {
                self.candidate = None;
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
            Incoming::Plan(plan) => Reply::Planned(self.supervisor.brain_mut().plan(plan)),
            Incoming::Planned => Reply::Planned(self.supervisor.brain().planned()),
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
        if let Some(candidate) = &self.candidate {
            if candidate.stage() == Stage::Trial {
                return Err(UpdateError::OnTrial);
            }
            // Its memory may be erased now.
            self.candidate = None;
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
        let brain = self.supervisor.brain();
        // Once before, so that what is measured never depends on what ran last.
        let action = self.supervisor.decide(observation)?;
        let z = brain.normalise(observation);
        let cost = |work: &dyn Fn()| {
            let begin = machine.cycles();
            work();
            machine.cycles_since(begin)
        };
        Ok(Measurement {
            empty: cost(&|| {}),
            network: cost(&|| {
                black_box(brain.network(black_box(&z)));
            }),
            decision: cost(&|| {
                let _ = black_box(self.supervisor.decide(black_box(observation)));
            }),
            prediction: cost(&|| {
                black_box(brain.predict(&brain.normalise(black_box(observation)), &action));
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
