//! The simulated machine: a robot of a task, a link with injected faults, and a counter as the clock.

use crate::fault::Injector;
use daa_core::SVector;
use daa_core::image::{MAX_ACTIONS, MAX_OBSERVATIONS};
use daa_core::protocol::{Request, encode, frame_capacity};
use daa_core::safety::Command;
use daa_core::supervisor::{Event, Machine};
use daa_envs::{self as task, Environment};
use std::collections::VecDeque;

/// Why the control loop ends.
#[derive(Debug)]
pub enum End {
    /// The episode has ended.
    Episode,
    /// The simulator failed.
    Plant(task::Error),
}

/// A robot at the other end of the link. Time is in microseconds of the controller's clock.
pub struct Plant {
    environment: Environment,
    observation: Vec<f64>,
    /// Number of actions of the robot.
    actions: usize,
    injector: Injector,
    period_us: u32,
    now: u32,
    /// Time at which the robot sends the next observation.
    next: u32,
    measured: u32,
    arriving: VecDeque<(u32, Vec<u8>)>,
    command: Option<SVector<f32, MAX_ACTIONS>>,
    /// Undiscounted sum of rewards.
    pub total: f64,
    /// Largest magnitude of any action that reached an actuator.
    pub largest: f32,
    /// Events, each with its decision.
    pub events: Vec<(u32, Event)>,
    /// Number of times the watchdog was fed.
    pub fed: u32,
}

impl Plant {
    /// A robot after a reset. The clock starts shortly before its counter wraps around.
    #[must_use]
    pub fn new(
        environment: Environment,
        observation: Vec<f64>,
        actions: usize,
        injector: Injector,
        period_us: u32,
    ) -> Self {
        let now = 0u32.wrapping_sub(period_us.saturating_mul(40));
        let mut plant = Self {
            environment,
            observation,
            actions,
            injector,
            period_us,
            now,
            next: now.wrapping_add(period_us),
            measured: 0,
            arriving: VecDeque::new(),
            command: None,
            total: 0.0,
            largest: 0.0,
            events: Vec::new(),
            fed: 0,
        };
        plant.arrive(&Request::Hello);
        plant.arrive(&Request::Arm);
        plant
    }

    fn arrive(&mut self, request: &Request<MAX_OBSERVATIONS>) {
        let mut buffer = [0; frame_capacity(MAX_OBSERVATIONS)];
        if let Ok(frame) = encode(request, &mut buffer) {
            self.arriving.push_back((self.now, frame.to_vec()));
        }
    }

    /// Simulates one control period with the current command, then measures the robot.
    fn measure(&mut self) -> Result<(), End> {
        if self.measured > 0 {
            let mut control = vec![0.0; self.actions];
            // Without pulses the actuators do nothing, which is the normalised control 0.
            for (control, action) in control.iter_mut().zip(self.command.iter().flatten()) {
                *control = f64::from(*action);
            }
            let step = self.environment.step(&control, &mut self.observation);
            let step = step.map_err(End::Plant)?;
            self.total += step.reward;
            if step.terminated || step.truncated {
                return Err(End::Episode);
            }
        }
        self.measured += 1;
        let seen: Vec<f32> = self.observation.iter().map(|wide| *wide as f32).collect();
        if let Some(seen) = self.injector.pass(&seen) {
            // The controller is compiled for the largest number of signals; the signals beyond the task's are idle.
            let idle = std::iter::repeat(0.0);
            let observation = seen.into_iter().chain(idle).take(MAX_OBSERVATIONS).collect();
            self.arrive(&Request::Decide { sequence: self.measured, observation });
        }
        self.next = self.next.wrapping_add(self.injector.period(self.period_us));
        Ok(())
    }
}

impl Machine<MAX_ACTIONS> for Plant {
    type Error = End;

    fn now(&self) -> u32 {
        self.now
    }

    fn plant_time(&mut self, _time_us: Option<u32>) {}

    fn receive(&mut self, bytes: &mut [u8], wait: u32) -> Result<usize, End> {
        let deadline = self.now.wrapping_add(wait);
        loop {
            if let Some((at, mut frame)) = self.arriving.pop_front() {
                self.now = at;
                let len = frame.len().min(bytes.len());
                bytes[..len].copy_from_slice(&frame[..len]);
                if len < frame.len() {
                    self.arriving.push_front((at, frame.split_off(len)));
                }
                return Ok(len);
            }
            let until_next = self.next.wrapping_sub(self.now);
            if until_next > deadline.wrapping_sub(self.now) {
                self.now = deadline;
                return Ok(0);
            }
            self.now = self.next;
            self.measure()?;
        }
    }

    fn send(&mut self, _frame: &[u8]) -> Result<(), End> {
        Ok(())
    }

    fn actuate(&mut self, command: &Command<MAX_ACTIONS>) {
        let largest = command.action.iter().fold(0f32, |largest, a| largest.max(a.abs()));
        // `max` would drop a NaN, which must be reported.
        let finite = command.action.iter().all(|action| action.is_finite());
        self.largest = if finite { self.largest.max(largest) } else { f32::INFINITY };
        self.command = Some(command.action);
    }

    fn make_safe(&mut self) {
        self.command = None;
    }

    fn feed(&mut self) {
        self.fed += 1;
    }

    fn log(&mut self, _tick: u32, event: &Event) {
        self.events.push((self.measured, *event));
    }

    fn goodbye(&mut self) {}

    fn cycles(&self) -> u32 {
        0
    }

    fn cycles_since(&self, _begin: u32) -> u32 {
        0
    }

    fn stack_high_water(&self) -> u32 {
        0
    }
}
