//! A whole control tick for each size of policy, with the firmware's loop: receive the bytes of a request,
//! guard, monitor, policy, guard, safety state machine, actuators, send the bytes of a reply, and predict the
//! next observation. Not included: waiting, the registers of actuators and watchdog, and the log.

#![no_std]
#![no_main]

#[path = "../support.rs"]
mod support;

use core::convert::Infallible;
use cortex_m_rt::entry;
use daa_core::model::{Transition, TransitionTarget};
use daa_core::policy::ActionLimits;
use daa_core::protocol::ResetCause;
use daa_core::protocol::{Identity, PROTOCOL_VERSION, Request, encode, frame_capacity};
use daa_core::safety::Rest;
use daa_core::safety::monitor::{Levels, Monitor};
use daa_core::safety::{ActuatorRange, Command, Guard};
use daa_core::safety::{Debounce, Mode};
use daa_core::supervisor::{
    self, Event, MONITOR_DEBOUNCE, Machine, Pace, Session, Settings, Supervisor,
};
use daa_core::{Activation, Mlp, Policy, SVector};
use semihosting::process;
use support::{numbers, report, ticks};

const HIDDEN: usize = 64;
const PERIOD: u32 = 1000;
const CAPACITY: usize = frame_capacity(78);
/// Ticks before the measured tick: then the mode is RUN, and the monitor has a prediction.
const BEFORE: u32 = 3;

/// A policy, and the model that predicts the consequences of its actions, as in the firmware.
struct Networks<const OBS: usize, const ACT: usize, const IN: usize> {
    policy: Policy<'static, OBS, HIDDEN, ACT>,
    transition: Transition<'static, OBS, IN, HIDDEN>,
}

impl<const OBS: usize, const ACT: usize, const IN: usize> Networks<OBS, ACT, IN> {
    fn new(pool: &'static [f32]) -> Option<Self> {
        let weights = pool.get(..Mlp::<OBS, HIDDEN, ACT>::PARAMS + ACT)?;
        let ones = SVector::from([1.0; OBS]);
        let limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
        let leaky = Activation::LeakyRelu;
        let model = pool.get(..Mlp::<IN, HIDDEN, OBS>::PARAMS)?;
        Some(Self {
            policy: Policy::new(weights, leaky, SVector::zeros(), &ones, 10.0, limits).ok()?,
            transition: Transition {
                network: Mlp::new(model, leaky).ok()?,
                target: TransitionTarget::Difference,
                scale: ones.into(),
                clip: 10.0,
            },
        })
    }
}

impl<const OBS: usize, const ACT: usize, const IN: usize> supervisor::Networks<OBS, ACT>
    for Networks<OBS, ACT, IN>
{
    #[inline(never)]
    fn act(&self, observation: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.policy.mode(observation)
    }

    fn normalise(&self, observation: &SVector<f32, OBS>) -> SVector<f32, OBS> {
        self.policy.normalise(observation)
    }

    #[inline(never)]
    fn predict(
        &self,
        obs: &SVector<f32, OBS>,
        action: &SVector<f32, ACT>,
    ) -> Option<SVector<f32, OBS>> {
        Some(self.transition.step(obs, action))
    }

    fn network(&self, obs: &SVector<f32, OBS>) -> SVector<f32, ACT> {
        self.policy.network().forward(obs)
    }
}

/// A link with one waiting frame, and a clock.
struct Wire {
    now: u32,
    frame: [u8; CAPACITY],
    waiting: usize,
    replied: usize,
    actuated: u32,
}

impl<const ACT: usize> Machine<ACT> for Wire {
    type Error = Infallible;

    fn now(&self) -> u32 {
        self.now
    }
    fn plant_time(&mut self, _time_us: Option<u32>) {}
    fn receive(&mut self, bytes: &mut [u8], _wait: u32) -> Result<usize, Infallible> {
        let arrived = core::mem::take(&mut self.waiting).min(bytes.len()).min(CAPACITY);
        bytes[..arrived].copy_from_slice(&self.frame[..arrived]);
        Ok(arrived)
    }
    fn send(&mut self, frame: &[u8]) -> Result<(), Infallible> {
        self.replied = frame.len();
        Ok(())
    }
    fn actuate(&mut self, _command: &Command<ACT>) {
        self.actuated += 1;
    }
    fn make_safe(&mut self) {}
    fn feed(&mut self) {}
    fn log(&mut self, _tick: u32, _event: &Event) {}
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

type Robot<B, const OBS: usize, const ACT: usize> = Session<B, Rest<ACT>, OBS, ACT, CAPACITY>;

fn robot<B: supervisor::Networks<OBS, ACT>, const OBS: usize, const ACT: usize>(
    networks: B,
) -> Robot<B, OBS, ACT> {
    let limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
    // Random weights predict badly: the levels are too high to be reached.
    let levels = Levels { warn: 1e30, alarm: 1e30 };
    let settings = Settings {
        ranges: Guard::new([(-100.0, 100.0); OBS]),
        max_age: [PERIOD / 2; OBS],
        limits,
        step: [f32::INFINITY; ACT],
        actuators: [ActuatorRange { at_low: -1.0, at_high: 1.0 }; ACT],
        pace: Pace::new(PERIOD),
        debounce: Debounce::DEFAULT,
        monitor: Some(Monitor::new(SVector::from([1.0; OBS]), levels, MONITOR_DEBOUNCE)),
    };
    let identity = Identity {
        protocol: PROTOCOL_VERSION,
        observations: OBS as u16,
        actions: ACT as u16,
        image_checksum: 0,
        golden_vectors: 0,
        reset: ResetCause::Power,
    };
    let fallback = Rest::in_the_middle(&limits);
    Session::new(Supervisor::new(networks, fallback, settings), identity)
}

fn put<const OBS: usize>(wire: &mut Wire, request: &Request<OBS>) {
    wire.waiting = encode(request, &mut wire.frame).map_or(0, |frame| frame.len());
}

/// Starts the next period with an observation.
fn observe<const OBS: usize>(wire: &mut Wire, sequence: u32, observation: &[f32]) {
    wire.now += PERIOD;
    let observation = observation.iter().copied().cycle().take(OBS).collect();
    put::<OBS>(wire, &Request::Decide { sequence, observation });
}

/// Runs a controller until its mode is RUN, and then measures a tick.
fn measure<B: supervisor::Networks<OBS, ACT>, const OBS: usize, const ACT: usize>(
    networks: B,
    observation: &[f32],
    (name, tick): (&str, fn(&mut Robot<B, OBS, ACT>, &mut Wire)),
) {
    let mut wire = Wire { now: 0, frame: [0; CAPACITY], waiting: 0, replied: 0, actuated: 0 };
    let mut robot = robot(networks);
    put::<OBS>(&mut wire, &Request::Arm);
    let Ok(()) = robot.step(&mut wire);
    for sequence in 0..BEFORE {
        observe::<OBS>(&mut wire, sequence, observation);
        let Ok(()) = robot.step(&mut wire);
        let Ok(()) = robot.step(&mut wire);
    }
    observe::<OBS>(&mut wire, BEFORE, observation);
    wire.replied = 0;
    let ticks = ticks(|| tick(&mut robot, &mut wire));
    let supervisor = robot.supervisor();
    let runs = supervisor.mode() == Mode::Run && wire.actuated == BEFORE + 1;
    let compared = supervisor.score().is_some_and(|score| score > 0.0);
    // The content of the reply is checked elsewhere; here, that the tick ran and sent a reply.
    report(name, ticks, &[f32::from(runs), f32::from(compared), wire.replied as f32]);
}

macro_rules! ticks {
    ($networks:ty: $function:ident $observations:literal $actions:literal) => {
        #[unsafe(no_mangle)]
        #[inline(never)]
        fn $function(robot: &mut Robot<$networks, $observations, $actions>, wire: &mut Wire) {
            // The message, then the tick that it makes due.
            let Ok(()) = robot.step(wire);
            let Ok(()) = robot.step(wire);
        }
    };
}

macro_rules! sizes {
    ($($function:ident $observations:literal $actions:literal)*) => {
        $(ticks! {
            Networks<$observations, $actions, { $observations + $actions }>:
            $function $observations $actions
        })*

        fn run(pool: &'static [f32], observation: &[f32]) {
            $(if let Some(networks) = Networks::new(pool) {
                measure(networks, observation, (stringify!($function), $function));
            })*
        }
    };
}

/// A policy of the paper's width with weights of eight bits, without a model: a model with float weights does
/// not fit beside it. Without assembly the measurement would exceed the clock's range.
#[cfg(feature = "asm")]
mod wide {
    use super::*;
    use daa_core::math::{IntegerMlp, WeightType};
    use daa_core::policy::Network;

    struct Wide(Policy<'static, 17, 512, 6>);

    impl supervisor::Networks<17, 6> for Wide {
        #[inline(never)]
        fn act(&self, observation: &SVector<f32, 17>) -> SVector<f32, 6> {
            self.0.mode(observation)
        }

        fn normalise(&self, observation: &SVector<f32, 17>) -> SVector<f32, 17> {
            self.0.normalise(observation)
        }

        fn predict(&self, _: &SVector<f32, 17>, _: &SVector<f32, 6>) -> Option<SVector<f32, 17>> {
            None
        }

        fn network(&self, obs: &SVector<f32, 17>) -> SVector<f32, 6> {
            self.0.network().forward(obs)
        }
    }

    ticks! { Wide: tick_17_512_6 17 6 }

    pub(super) fn run(network: &'static [f32], observation: &[f32]) {
        let network = IntegerMlp::new(WeightType::I8, Activation::Relu, support::words(network));
        let limits = [ActionLimits { low: -1.0, high: 1.0 }; 6];
        let policy = network.ok().and_then(|network| {
            let network = Network::Integer(network);
            let ones = SVector::from([1.0; 17]);
            Policy::with_network(network, &[0.0; 6], SVector::zeros(), &ones, 10.0, limits).ok()
        });
        if let Some(policy) = policy {
            measure(Wide(policy), observation, ("tick_17_512_6", tick_17_512_6));
        }
    }
}

// Observations and actions of the suite's tasks.
sizes! {
    tick_3_1 3 1
    tick_4_2 4 2
    tick_5_1 5 1
    tick_6_1 6 1
    tick_6_2 6 2
    tick_8_1 8 1
    tick_8_2 8 2
    tick_9_2 9 2
    tick_11_1 11 1
    tick_12_2 12 2
    tick_17_6 17 6
    tick_24_6 24 6
    tick_67_21 67 21
    tick_78_12 78 12
}

#[entry]
fn main() -> ! {
    support::start();
    run(numbers!("pool.f32"), numbers!("observation.f32"));
    #[cfg(feature = "asm")]
    wide::run(numbers!("17-512-512-6.i8"), numbers!("observation.f32"));
    process::exit(0)
}
