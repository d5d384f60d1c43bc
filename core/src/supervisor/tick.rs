//! One control tick: guard, monitor, policy, guard, safety state machine. It does not read a clock and
//! does not touch hardware.

use super::events::{Event, Events};
use super::networks::Networks;
use super::period::Period;
use super::settings::Settings;
use crate::protocol::{Refusal, Status};
use crate::safety::monitor::{Monitor, Verdict};
use crate::safety::{
    Command, Edge, Fallback, Fault, Health, Mode, Output, Reason, Signals, StateMachine,
};
use nalgebra::SVector;

/// Events that may wait to be logged.
pub const EVENTS: usize = 32;

/// What the actuators must do after a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Actuation<const ACT: usize> {
    /// Follow this command.
    Follow(Command<ACT>),
    /// Keep the last command.
    Keep,
    /// Make the actuators safe.
    Safe,
}

/// The result of a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome<const ACT: usize> {
    /// What the actuators must do.
    pub actuation: Actuation<ACT>,
    /// The mode in which the tick ended.
    pub mode: Mode,
    /// Whether the tick passed its checks, or the actuators are safe: only then is the watchdog fed.
    pub good: bool,
}

/// Guards, policy, fallback, monitor and safety state machine, with everything that a tick remembers.
#[derive(Clone, Debug)]
pub struct Supervisor<B, F, const OBS: usize, const ACT: usize> {
    networks: B,
    fallback: F,
    settings: Settings<OBS, ACT>,
    signals: Signals<OBS>,
    output: Output<ACT>,
    state: StateMachine,
    period: Period,
    events: Events<EVENTS>,
    /// Why the present mode was entered.
    reason: Reason,
    /// The observation of this tick, until [`reflect`](Self::reflect).
    observed: Option<SVector<f32, OBS>>,
    stop: bool,
    warned: bool,
    warnings: u32,
}

impl<B, F, const OBS: usize, const ACT: usize> Supervisor<B, F, OBS, ACT>
where
    B: Networks<OBS, ACT>,
    F: Fallback<OBS, ACT>,
{
    /// A supervisor in SAFE, not armed, without readings.
    #[must_use]
    pub fn new(networks: B, fallback: F, settings: Settings<OBS, ACT>) -> Self {
        Self {
            networks,
            fallback,
            signals: Signals::new(),
            output: Output::new(settings.limits, settings.step, settings.actuators),
            state: StateMachine::new(settings.debounce),
            period: Period::new(settings.pace),
            events: Events::new(),
            reason: Reason::Boot,
            observed: None,
            stop: false,
            warned: false,
            warnings: 0,
            settings,
        }
    }

    /// The readings: the loop stores received readings here.
    pub fn signals(&mut self) -> &mut Signals<OBS> {
        &mut self.signals
    }

    /// The schedule of the ticks.
    pub fn period(&mut self) -> &mut Period {
        &mut self.period
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings<OBS, ACT> {
        &self.settings
    }

    /// The mode of the safety state machine.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.state.mode()
    }

    /// Why the mode was entered.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The last command's action; none while the actuators are safe.
    #[must_use]
    pub fn output(&self) -> Option<SVector<f32, ACT>> {
        self.output.last()
    }

    /// Stores an event for the log.
    pub fn note(&mut self, event: Event) {
        self.events.push(self.period.ticks(), event);
    }

    /// The monitor's last score, or `None` without a monitor.
    #[must_use]
    pub fn score(&self) -> Option<f32> {
        self.settings.monitor.as_ref().map(Monitor::score)
    }

    /// Takes the oldest event.
    pub fn event(&mut self) -> Option<(u32, Event)> {
        self.events.pop()
    }

    /// Mode, counters and timing.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            mode: self.mode(),
            armed: self.state.armed(),
            reason: self.reason,
            timing: self.period.timing(),
            warnings: self.warnings,
            dropped_events: self.events.dropped(),
        }
    }

    /// The observation of the last tick, until [`reflect`](Self::reflect).
    #[must_use]
    pub fn observed(&self) -> Option<SVector<f32, OBS>> {
        self.observed
    }

    /// Continues the control of another supervisor with the same control period: takes its readings, phase,
    /// mode, last command, counters and events, but not its predictions.
    pub fn take_over(&mut self, from: &Self) {
        self.signals = from.signals;
        self.state = from.state;
        self.period = from.period.clone();
        self.events = from.events.clone();
        self.output.resume(from.output.last());
        (self.reason, self.stop, self.warnings) = (from.reason, from.stop, from.warnings);
        (self.warned, self.observed) = (false, None);
        if let Some(monitor) = &mut self.settings.monitor {
            monitor.reset();
        }
    }

    /// Arms the controller: clean ticks lead out of SAFE. Earlier readings, phase and predictions are
    /// discarded.
    pub fn arm(&mut self) {
        if self.state.mode() == Mode::Safe {
            self.state.arm();
            self.signals.clear();
            self.period.restart();
            self.output.release();
            self.stop = false;
            if let Some(monitor) = &mut self.settings.monitor {
                monitor.reset();
            }
        }
    }

    /// The next tick makes the actuators safe.
    pub fn disarm(&mut self) {
        self.stop = true;
    }

    /// Guard, policy, guard: the action for an observation, without any change of state. Never panics.
    ///
    /// # Errors
    /// [`Refusal::Observation`], [`Refusal::Action`].
    pub fn decide(&self, observation: &SVector<f32, OBS>) -> Result<SVector<f32, ACT>, Refusal> {
        self.settings.ranges.check(observation).map_err(Refusal::Observation)?;
        let action = self.networks.act(observation);
        self.output.check(&action).map_err(Refusal::Action)?;
        Ok(action)
    }

    /// The networks.
    #[must_use]
    pub fn networks(&self) -> &B {
        &self.networks
    }

    /// The networks, to change how they plan.
    pub fn networks_mut(&mut self) -> &mut B {
        &mut self.networks
    }

    /// One control tick: guard, monitor, policy, guard, safety state machine. Never panics, never waits.
    // Not inlined: a test follows every branch from this symbol in the linked firmware.
    #[inline(never)]
    pub fn tick(&mut self, now: u32) -> Outcome<ACT> {
        let observation = self.read(now);
        let verdict = self.compare(observation.as_ref().ok());
        let decision = observation.map_err(Reason::Observation).and_then(|observation| {
            let action = self.networks.act(&observation);
            self.output.check(&action).map(|()| action).map_err(Reason::Action)
        });
        let health = match decision {
            _ if core::mem::take(&mut self.stop) => Health::Stop(Reason::Disarmed),
            Err(reason) => Health::Skip(reason),
            Ok(_) if self.period.too_late() => Health::Distrust(Reason::Late),
            Ok(_) if verdict == Verdict::Alarm => Health::Distrust(Reason::Monitor),
            Ok(_) => Health::Clean,
        };
        let running = self.state.mode() == Mode::Run && health == Health::Clean;
        let fallback = if running { None } else { self.fall_back(observation.as_ref().ok()) };
        if let Some(edge) = self.state.tick(health, fallback.is_some()) {
            self.change(edge);
        }
        self.observed = observation.ok();
        self.actuate(decision.ok(), fallback)
    }

    /// The part of the tick after the actuators got their command: predicts the next observation.
    #[inline(never)]
    pub fn reflect(&mut self) {
        let Some(monitor) = &mut self.settings.monitor else { return };
        let (Some(observed), Some(command)) = (self.observed.take(), self.output.last()) else {
            return monitor.forget();
        };
        let mut action = command;
        for (action, limits) in action.iter_mut().zip(&self.settings.limits) {
            let (centre, half) =
                (0.5 * (limits.low + limits.high), 0.5 * (limits.high - limits.low));
            *action = (*action - centre) / half;
        }
        match self.networks.predict(&self.networks.normalise(&observed), &action) {
            Some(predicted) => monitor.expect(predicted),
            None => monitor.forget(),
        }
    }

    fn read(&mut self, now: u32) -> Result<SVector<f32, OBS>, Fault> {
        let observation = self.signals.read(now, &self.settings.max_age)?;
        self.settings.ranges.check(&observation)?;
        Ok(observation)
    }

    fn compare(&mut self, observation: Option<&SVector<f32, OBS>>) -> Verdict {
        let Some(monitor) = &mut self.settings.monitor else { return Verdict::Unknown };
        let Some(observation) = observation else {
            monitor.forget();
            return Verdict::Unknown;
        };
        let verdict = monitor.observe(&self.networks.normalise(observation));
        let warn = matches!(verdict, Verdict::Warn | Verdict::Alarm);
        if warn && !self.warned {
            let score = monitor.score();
            self.warnings = self.warnings.saturating_add(1);
            self.events.push(self.period.ticks(), Event::Warning { score });
        }
        self.warned = warn;
        verdict
    }

    fn fall_back(&mut self, observation: Option<&SVector<f32, OBS>>) -> Option<SVector<f32, ACT>> {
        self.fallback.command(observation).filter(|action| self.output.check(action).is_ok())
    }

    fn change(&mut self, edge: Edge) {
        self.reason = edge.reason;
        self.events.push(self.period.ticks(), Event::Edge(edge));
    }

    fn actuate(
        &mut self,
        policy: Option<SVector<f32, ACT>>,
        fallback: Option<SVector<f32, ACT>>,
    ) -> Outcome<ACT> {
        let mode = self.state.mode();
        let chosen = match mode {
            Mode::Run => policy,
            Mode::Fallback => fallback,
            Mode::Hold => return Outcome { actuation: Actuation::Keep, mode, good: false },
            Mode::Safe => None,
        };
        let command = chosen.and_then(|action| self.output.command(&action).ok());
        let actuation = match command {
            Some(command) => Actuation::Follow(command),
            // The mode is SAFE: the other modes are entered with a checked command only.
            None => {
                self.output.release();
                Actuation::Safe
            }
        };
        Outcome { actuation, mode, good: true }
    }
}
